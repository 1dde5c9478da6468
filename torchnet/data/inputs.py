"""What turns raw samples into the inputs of a network: images into numbers from 0 to 1, rows of a table into columns.

It is learned on the training set and travels with the network, as plain values.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from torchnet.data.table_columns import CategoricalColumn, Column, NumericColumn

_ROWS_AT_ONCE = 8192  # converted together, so that nothing large is copied more often than once
_MOST_NAMES = 20  # of columns in a message
Columns = Mapping[str, np.ndarray]  # of a table, by name: (n,) each, numbers with NaN or text with None where missing


@dataclass(frozen=True)
class Pixels:
    """Images. Pixels from `low` to `high` become numbers from 0 to 1.

    Attributes:
        shape: of an image as it is stored: (height, width), (height, width, channels), (channels, height, width), or
            (features,) for a flat row.
        low: the pixel value that becomes 0.
        high: the pixel value that becomes 1.
        digits: whether the images are digits in the form of MNIST's, into which photographs can be brought.
    """

    shape: tuple[int, ...]
    low: float = 0.0
    high: float = 255.0
    digits: bool = False

    @property
    def in_features(self) -> int:
        return int(np.prod(self.shape))

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of a sample for a network: (channels, height, width) of an image, else (features,)."""
        if len(self.shape) == 2:
            return (1, *self.shape)
        if len(self.shape) == 3 and self.has_channels_last:
            return (self.shape[2], *self.shape[:2])
        return self.shape

    @property
    def has_channels_last(self) -> bool:
        """Whether the channels of an image come last. There are at most 4, and height and width are no smaller."""
        return self.shape[-1] <= min(4, *self.shape)

    @property
    def is_scaled_in_steps(self) -> bool:
        """Whether pixels stay bytes until a training step scales them (torchnet.step.scale_pixels)."""
        return (self.low, self.high) == (0.0, 255.0)

    @property
    def is_image(self) -> bool:
        """Whether a sample is an image that can be drawn, not a flat row."""
        return len(self.shape) > 1

    def drawn(self, encoded: np.ndarray) -> np.ndarray:
        """Return one encoded image as it is drawn: (height, width) or (height, width, 3) uint8."""
        image = encoded.reshape(self.shape)
        if image.dtype != np.uint8:
            image = np.rint(255 * image.clip(0, 1)).astype(np.uint8)
        return image.transpose(1, 2, 0) if image.ndim == 3 and self.shape[-1] != 3 else image

    def encode(self, images: np.ndarray | Columns, dtype: np.dtype | type) -> np.ndarray:
        """Return images as the inputs of training: bytes as they are, other numbers scaled to 0..1.

        Shape:
            images: (n, *shape); returns: the same.

        Raises:
            ValueError: if an image has another shape.
        """
        if isinstance(images, Mapping):
            raise ValueError(f"expected images of shape {self.shape}, got a table")
        if images.shape[1:] != self.shape:
            raise ValueError(f"expected images of shape {self.shape}, got {images.shape[1:]}")
        if self.is_scaled_in_steps and images.dtype == np.uint8:
            return images
        scaled = np.empty(images.shape, dtype)
        for rows in _slices(len(images)):
            with np.errstate(over="ignore"):  # infinite inputs are refused below
                scaled[rows] = (images[rows].astype(np.float64) - self.low) / (self.high - self.low)
            if not np.isfinite(scaled[rows]).all():
                raise ValueError("expected finite pixels, got Inf or NaN")
        return scaled


@dataclass(frozen=True)
class Table:
    """Rows with columns of numbers and categories. An array (n, features) is a table with columns "0", "1", ..."""

    columns: tuple[Column, ...]

    @property
    def in_features(self) -> int:
        return sum(column.width for column in self.columns)

    @property
    def is_array(self) -> bool:
        """Whether the columns are those of an array (n, features), whose missing values are all treated alike."""
        numbers = [column for column in self.columns if isinstance(column, NumericColumn)]
        names = [column.name for column in numbers]
        return names == [str(k) for k in range(len(self.columns))] and len({it.missing for it in numbers}) == 1

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the input of one sample."""
        return (self.in_features,)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of a sample for a network."""
        return self.shape

    def encode(self, samples: Columns | np.ndarray, dtype: np.dtype | type) -> np.ndarray:
        """Return rows as the inputs of the network.

        Shape:
            samples: columns of length n by name, or (n, columns) numbers in the order of the columns.
            returns: (n, in_features).

        Raises:
            ValueError: if a column is missing, has a missing value that is refused, or holds something else.
        """
        by_name: Columns = samples if isinstance(samples, Mapping) else self._named(samples)
        for column in self.columns:
            if column.name not in by_name:
                raise ValueError(f"expected a column {column.name}, got {_some(by_name)}")
            if np.ndim(by_name[column.name]) != 1:
                shape = np.shape(by_name[column.name])
                raise ValueError(f"column {column.name}: expected values of shape (n,), got {shape}")
        if len(lengths := {len(by_name[column.name]) for column in self.columns}) > 1:
            raise ValueError(f"expected columns of one length, got {', '.join(map(str, sorted(lengths)))}")
        rows = max(lengths, default=0)
        encoded = np.empty((rows, self.in_features), dtype)
        for part in _slices(rows):
            start = 0
            for column in self.columns:
                column.encode(by_name[column.name][part], encoded[part, start : start + column.width], part.start)
                start += column.width
        return encoded

    def unknown_categories(self, samples: Columns) -> list[str]:
        """Return a sentence for each column with categories that the training set did not have."""
        return [
            f"column {column.name}: the network was not trained on {_some(unknown)}; it takes them as none of its "
            "categories"
            for column in self.columns
            if isinstance(column, CategoricalColumn) and (unknown := column.unknown(samples[column.name]))
        ]

    def _named(self, samples: np.ndarray) -> dict[str, np.ndarray]:
        if samples.ndim != 2 or samples.shape[1] != len(self.columns):
            raise ValueError(f"expected rows of shape (n, {len(self.columns)}), got {samples.shape}")
        return {column.name: samples[:, k] for k, column in enumerate(self.columns)}


Inputs = Pixels | Table


def _some(names: Collection[str]) -> str:
    """Return the first of some names, for a message."""
    shown = ", ".join(name[:60] for name in list(names)[:_MOST_NAMES])
    return shown + (f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else "")


def _slices(n: int) -> Iterator[slice]:
    return (slice(start, start + _ROWS_AT_ONCE) for start in range(0, n, _ROWS_AT_ONCE))
