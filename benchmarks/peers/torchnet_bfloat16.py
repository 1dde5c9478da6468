"""Torchnet's loop with fused steps and matrix products in bfloat16, if the processor supports them."""

import torch

from benchmarks.child_process import ChildError
from benchmarks.comparison.task import Task
from benchmarks.peers import TimedEpochs, torchnet
from torchnet.engine.matmul_precision import unsupported


def train(task: Task, timed_epochs: TimedEpochs) -> None:
    """Train epoch by epoch."""
    if (reason := unsupported("bfloat16", torch.device("cpu"))) is not None:
        raise ChildError(reason)
    torchnet.train(task, timed_epochs, matmul_dtype=torch.bfloat16)
