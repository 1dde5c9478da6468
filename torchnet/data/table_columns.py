"""The columns of a table as the inputs of a network: numbers are standardized, categories become ones and zeros."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class NumericColumn:
    """A column of numbers. It is standardized: (x - mean) / std.

    Attributes:
        name: the name of the column.
        mean: the mean over the training set, without missing values.
        std: the standard deviation over the training set; 1 if all values are the same.
        missing: what a missing value becomes: "refuse" (an error), "mean", or "indicator": the mean, and a further
            input that is 1 where the value is missing and 0 elsewhere.
    """

    name: str
    mean: float
    std: float
    missing: str = "refuse"

    @property
    def width(self) -> int:
        """The number of inputs that the column becomes."""
        return 2 if self.missing == "indicator" else 1

    def encode(self, values: np.ndarray, into: np.ndarray, first_row: int = 0) -> None:
        """Write the inputs of some rows, the first of which has this number. Shape: values (n,); into (n, width)."""
        numbers = _as_numbers(self.name, values, first_row)
        is_nan = np.isnan(numbers)
        if self.missing == "refuse" and is_nan.any():
            raise ValueError(missing_value(self.name, "a number", first_row + int(is_nan.argmax())))
        with np.errstate(over="ignore"):  # an infinite input is refused below
            into[:, 0] = np.where(is_nan, 0.0, (numbers - self.mean) / self.std)
        if (is_far := ~np.isfinite(into[:, 0])).any():
            row = int(is_far.argmax())
            raise ValueError(
                f"column {self.name}: expected numbers of the size of those in training, got {numbers[row]:g} in row "
                f"{first_row + row + 1}"
            )
        if self.missing == "indicator":
            into[:, 1] = is_nan


@dataclass(frozen=True)
class CategoricalColumn:
    """A column of categories. It becomes one input per category, which is 1 for the category of the row, else 0.

    A category that the training set did not have becomes zeros.

    Attributes:
        name: the name of the column.
        categories: those of the training set, sorted. The empty text stands for a missing value, if they are allowed.
    """

    name: str
    categories: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.categories)

    def encode(self, values: np.ndarray, into: np.ndarray, first_row: int = 0) -> None:
        """Write the inputs of some rows, the first of which has this number. Shape: values (n,); into (n, width)."""
        places = {category: place for place, category in enumerate(self.categories)}
        words = (value if isinstance(value, str) else _word(value) for value in values)
        found = np.fromiter((places.get(word, -1 if word else -2) for word in words), np.int64, len(values))
        if (found == -2).any():
            raise ValueError(missing_value(self.name, "a category", first_row + int((found == -2).argmax())))
        into[:] = 0
        is_known = found >= 0
        into[is_known.nonzero()[0], found[is_known]] = 1

    def unknown(self, values: np.ndarray) -> list[str]:
        """Return the categories among values that the training set did not have."""
        return sorted({_word(value) for value in values} - {"", *self.categories})


Column = NumericColumn | CategoricalColumn


def missing_value(column: str, expected: str, row: int) -> str:
    """Return the message about a missing value. Rows count from 0 here, and from 1 in the message."""
    return (
        f"column {column}: expected {expected}, got none in row {row + 1}: fill it, remove the row, or train with "
        "--data.missing mean or indicator"
    )


def _word(value: object) -> str:
    """Return a category as text, which is empty if it is missing: None, or the NaN of NumPy or pandas."""
    return "" if value is None or (word := str(value)) in ("nan", "<NA>", "NaT") else word


def _as_numbers(column: str, values: np.ndarray, first_row: int) -> np.ndarray:
    """Return values in float64, with NaN where they are missing."""
    if values.dtype == object:
        values = np.array([value if _word(value) else None for value in values], object)
    try:
        numbers = values.astype(np.float64, copy=False)
    except (TypeError, ValueError):
        for row, value in enumerate(values, first_row + 1):
            try:
                float("nan" if value is None else value)
            except (TypeError, ValueError) as error:
                raise ValueError(f"column {column}: expected numbers, got {value!s:.40} in row {row}") from error
        raise
    if (is_infinite := np.isinf(numbers)).any():
        row = int(is_infinite.argmax())
        raise ValueError(f"column {column}: expected finite numbers, got {numbers[row]} in row {first_row + row + 1}")
    return numbers
