"""Learn on a training set what turns its samples into the inputs of a network."""

from collections.abc import Mapping

import numpy as np

from torchnet.data.dataset import DataError, Dataset
from torchnet.data.inputs import Inputs, Pixels, Table
from torchnet.data.table_columns import CategoricalColumn, Column, NumericColumn
from torchnet.data.targets import LONGEST_NAME, Classes, Targets

_MOST_CATEGORIES = 100  # a column of text with more is free text
_BRIGHT = 64  # bytes of which none is as large are not pixels from 0 to 255, but from 0 to 1 or 16, for example
_EMPTY_RING = 0.9  # the share of images of digits whose outermost pixels are all 0


def learn_inputs(data: Dataset, rows: np.ndarray, targets: Targets, missing: str) -> Inputs:
    """Return the preprocessing of inputs, learned on some rows of the training set.

    Args:
        data: the data set.
        rows: the rows that the network is trained on.
        targets: the targets; digits are recognized by them.
        missing: what becomes of missing values in columns: refuse, mean or indicator (NumericColumn).

    Raises:
        DataError: if a column holds free text, no values or infinite ones; or if images do not differ.
    """
    inputs = data.train_inputs
    if isinstance(inputs, Mapping):
        return Table(tuple(_learn_column(name, values, rows, missing) for name, values in inputs.items()))
    shape = inputs.shape[1:]
    if inputs.dtype != np.uint8 and len(shape) == 1:
        return Table(tuple(_learn_column(str(k), inputs[:, k], rows, missing) for k in range(shape[0])))
    if inputs.dtype == np.uint8 and inputs.max() >= _BRIGHT:
        is_digits = data.is_digits
        return Pixels(shape, digits=_are_digits(inputs, targets) if is_digits is None else is_digits)
    low, high = float(inputs.min()), float(inputs.max())
    if not np.isfinite([low, high]).all():
        raise DataError(f"{data.source}: expected finite pixels, got Inf or NaN")
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif inputs.dtype == np.uint8:
        low = 0.0
    if low == high:
        raise DataError(f"{data.source}: expected images that differ, got {low:g} in every pixel")
    return Pixels(shape, low, high)


def _learn_column(name: str, values: np.ndarray, rows: np.ndarray, missing: str) -> Column:
    if values.dtype.kind not in "uif":
        return _learn_categories(name, values, rows, missing)
    numbers = values[rows].astype(np.float64)
    if np.isinf(numbers).any():
        row = int(rows[np.isinf(numbers).argmax()])
        raise DataError(f"column {name}: expected finite numbers, got {values[row]} in row {row + 1}")
    present = numbers[~np.isnan(numbers)]
    if len(present) == 0:
        raise DataError(f"column {name}: expected numbers, got missing values only: --data.ignore it")
    low, high = float(present.min()), float(present.max())
    if low == high:  # the standard deviation may be a rounding error, not 0
        return NumericColumn(name, low, 1.0, missing)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(present.mean()), float(present.std())
    if not 0 < std < np.inf:
        raise DataError(f"column {name}: expected numbers whose squares are finite and not 0, got {low:g} to {high:g}")
    return NumericColumn(name, mean, std, missing)


def _learn_categories(name: str, values: np.ndarray, rows: np.ndarray, missing: str) -> Column:
    words = {"" if value is None else str(value) for value in values[rows]} - {""}
    if len(words) > _MOST_CATEGORIES or max(map(len, words), default=0) > LONGEST_NAME:
        example = next(iter(sorted(words)))
        raise DataError(
            f"column {name}: expected numbers, or at most {_MOST_CATEGORIES} categories, got {len(words)} different "
            f"texts such as {example[:40]!r}: leave the column out with --data.ignore"
        )
    if missing != "refuse":  # then CategoricalColumn.encode says in which row
        words.add("")
    return CategoricalColumn(name, tuple(sorted(words)))


def _are_digits(images: np.ndarray, targets: Targets) -> bool:
    """Return whether images have the form of MNIST's digits: square, gray, of ten classes, and empty at the border."""
    if images.ndim != 3 or images.shape[1] != images.shape[2] or not isinstance(targets, Classes):
        return False
    ring = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    return targets.names == tuple("0123456789") and bool((ring.max(axis=1) == 0).mean() >= _EMPTY_RING)
