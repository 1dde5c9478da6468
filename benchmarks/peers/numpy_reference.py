"""torchnet/reference.py, the notebook's algorithm in NumPy and float64, with the weights and order of the task."""

import runpy
from pathlib import Path

import numpy as np

from benchmarks.comparison.task import BATCH, LR, SIZES, Task, Weights
from benchmarks.peers import TimedEpochs

# Run by its path: importing it from the package could import torch.
REFERENCE = runpy.run_path(str(Path(__file__).parents[2] / "torchnet" / "reference.py"))


def train(task: Task, timed_epochs: TimedEpochs) -> None:
    """Train epoch by epoch."""
    forward, backward, update = REFERENCE["forward"], REFERENCE["backward"], REFERENCE["update"]
    params = [(weight.astype(float), bias.astype(float)[:, None]) for weight, bias in task.weights()]
    one_hot = np.eye(SIZES[-1])

    def weights() -> Weights:
        return [(weight.astype(np.float32), bias[:, 0].astype(np.float32)) for weight, bias in params]

    for epoch in timed_epochs(weights):
        for chosen in task.batches(epoch):
            z, h = forward(params, task.train_images[chosen].T / 255.0)  # samples are columns
            grads, _ = backward(params, z, h, one_hot[task.train_labels[chosen]].T, BATCH)
            params = update(params, grads, LR)
