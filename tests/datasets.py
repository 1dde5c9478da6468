"""Data sets for tests, as plain arrays."""

from dataclasses import dataclass

import numpy as np

from torchnet.data import Preparation, prepare
from torchnet.data.dataset import Dataset


@dataclass(frozen=True)
class Arrays:
    """Images and labels, sorted by label, and within a label in the order of the file."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def by_label(data: Dataset) -> Arrays:
    parts = prepare(data, Preparation()).parts
    train, test = parts["train"], parts["test"]
    return Arrays(train.inputs[train.rows], train.targets[train.rows], test.inputs[test.rows], test.targets[test.rows])
