"""The task of all peers: one network, one data set, the same initial weights and the same sample order.

This module imports only NumPy, so that peers without torch do not pay for its memory.
"""

from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path

import numpy as np

SIZES = (784, 64, 64, 10)
BATCH = 500
STEPS = 120  # per epoch
LR = 1.0
TARGET = 0.9746  # the test accuracy to reach: that of the notebook's recipe after 40 epochs

Weights = list[tuple[np.ndarray, np.ndarray]]  # (weight (O, I), bias (O,)) of each layer, float32


@dataclass(frozen=True)
class Task:
    """The arrays of the task, saved in one folder.

    Shape:
        train_images: (60000, 784) uint8.
        train_labels: (60000,) int64.
        test_images: (10000, 784) float32, scaled to 0..1.
        test_labels: (10000,) int64.
        orders: (epochs, 60000) int64.
        initial_weights: all weights and biases for `SIZES`, concatenated, float32.
        seed: () int64.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    orders: np.ndarray
    initial_weights: np.ndarray
    seed: np.ndarray

    def save(self, folder: Path) -> None:
        """Write one .npy file per array."""
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", getattr(self, field.name))

    @classmethod
    def load(cls, folder: Path) -> "Task":
        """Read the files of `save` directly into arrays: an extra copy would raise the peak memory."""
        return cls(**{field.name: np.load(folder / f"{field.name}.npy") for field in fields(cls)})

    def batches(self, epoch: int) -> np.ndarray:
        """Return the samples of each step of an epoch, (steps, BATCH)."""
        return self.orders[epoch].reshape(-1, BATCH)

    def weights(self) -> Weights:
        """Return a copy of the initial weights, layer by layer."""
        layers, rest = [], self.initial_weights.copy()
        for fan_in, fan_out in pairwise(SIZES):
            weight, bias, rest = np.split(rest, [fan_out * fan_in, fan_out * fan_in + fan_out])
            layers.append((weight.reshape(fan_out, fan_in), bias))
        return layers

    def accuracy(self, weights: Weights) -> float:
        """Return the test accuracy of the weights, computed in float32."""
        x = self.test_images
        for weight, bias in weights[:-1]:
            x = 1 / (1 + np.exp(-(x @ weight.T + bias)))
        weight, bias = weights[-1]
        return float(np.mean((x @ weight.T + bias).argmax(axis=1) == self.test_labels))
