"""Only the matrix products of the steps: it trains nothing, so it has no weights to evaluate."""

import torch

from benchmarks.comparison.task import BATCH, SIZES, Task
from benchmarks.matmul_loop import matmul_loop
from benchmarks.peers import TimedEpochs


def train(task: Task, timed_epochs: TimedEpochs) -> None:
    """Compute the products of an epoch at a time."""
    run = matmul_loop(SIZES, BATCH)
    for epoch in timed_epochs(list):
        run(torch.from_numpy(task.batches(epoch)))
