"""torchnet/reference.py, the notebook's algorithm in NumPy and float64, on the task's weights and order."""

import runpy
from pathlib import Path

import numpy as np

from benchmarks.peers import Laps
from benchmarks.task import BATCH, LR, SIZES, Task, Weights

# Run by its path, as it imports nothing of torchnet: importing it from there would load torch as well.
REFERENCE = runpy.run_path(str(Path(__file__).parents[2] / "torchnet" / "reference.py"))


def train(task: Task, laps: Laps) -> None:
    """Train one epoch a lap."""
    forward, backward, update = REFERENCE["forward"], REFERENCE["backward"], REFERENCE["update"]
    params = [(weight.astype(float), bias.astype(float)[:, None]) for weight, bias in task.weights()]
    one_hot = np.eye(SIZES[-1])

    def weights() -> Weights:
        return [(weight.astype(np.float32), bias[:, 0].astype(np.float32)) for weight, bias in params]

    for epoch in laps(weights):
        for chosen in task.batches(epoch):
            z, h = forward(params, task.train_images[chosen].T / 255.0)  # the notebook's samples are columns
            grads, _ = backward(params, z, h, one_hot[task.train_labels[chosen]].T, BATCH)
            params = update(params, grads, LR)
