"""What turns labels and quantities into the targets of a network, and its outputs back into answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

AVERAGES = ("macro avg", "micro avg", "weighted avg")  # beside the classes in a report, which cannot have these names
LABEL_TYPES = ("int", "str", "bool")
LONGEST_NAME = 1000  # letters, of a class or a category
_LARGEST_LABEL = 2**63 - 1


@dataclass(frozen=True)
class Classes:
    """Labels of classes, which become 0, 1, ..., in sorted order.

    Attributes:
        names: the labels as text, in order.
        label_type: what the labels are: int, str or bool.
    """

    names: tuple[str, ...]
    label_type: str = "int"

    @property
    def width(self) -> int:
        """The number of outputs of the network."""
        return len(self.names)

    @property
    def labels(self) -> np.ndarray:
        """The labels as they are in the data, (C,)."""
        if self.label_type == "bool":
            return np.array([name == "True" for name in self.names])
        return np.array([int(name) for name in self.names]) if self.label_type == "int" else np.array(self.names)

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Return labels as numbers of classes. Shape: labels (n,); returns (n,) int64.

        Raises:
            ValueError: if a label is not among the names.
        """
        known = self.labels
        places = np.searchsorted(known, labels).clip(max=len(known) - 1)
        if (is_other := known[places] != labels).any():
            row = int(is_other.argmax())
            raise ValueError(f"expected labels that training has seen, got {labels[row]!s} in row {row + 1}")
        return places.astype(np.int64)


@dataclass(frozen=True)
class Quantities:
    """Numbers, such as prices. They are standardized, (y - mean) / std, and outputs are given back in their units.

    Attributes:
        names: the name of each quantity.
        means: their means over the training set.
        stds: their standard deviations over the training set.
    """

    names: tuple[str, ...]
    means: tuple[float, ...]
    stds: tuple[float, ...]

    @property
    def width(self) -> int:
        """The number of outputs of the network."""
        return len(self.names)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return quantities as targets. Shape: values (n,) or (n, K); returns (n, K) float64."""
        return (values.reshape(len(values), -1) - np.array(self.means)) / np.array(self.stds)

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return outputs of the network in the units of the quantities. Shape: (n, K) and (n, K) float64."""
        return outputs.astype(np.float64) * np.array(self.stds) + np.array(self.means)


Targets = Classes | Quantities


def learn_classes(labels: np.ndarray) -> Classes:
    """Return the classes of a training set. Shape: labels (n,) of integers, booleans or text.

    Raises:
        ValueError: if there are fewer than two.
    """
    label_type = {"b": "bool", "i": "int", "u": "int"}.get(labels.dtype.kind, "str")
    names = np.unique(labels)
    if len(names) < 2:
        raise ValueError(f"expected labels of at least two classes, got {names[0]!s:.40} only")
    if names.dtype.kind == "u" and names[-1] > _LARGEST_LABEL:
        raise ValueError(f"expected labels up to {_LARGEST_LABEL}, got {names[-1]}")
    if names.dtype.kind == "U" and max(map(len, names)) > LONGEST_NAME:
        raise ValueError(f"expected labels of at most {LONGEST_NAME} letters, got {names[0]!s:.40} and longer ones")
    if reserved := {*AVERAGES}.intersection(map(str, names)):
        raise ValueError(f"expected other names of classes than {', '.join(AVERAGES)}, got {reserved.pop()}: rename it")
    return Classes(tuple(str(name) for name in names), label_type)


def learn_quantities(values: np.ndarray, names: Sequence[str]) -> Quantities:
    """Return the quantities of a training set. Shape: values (n,) or (n, K).

    Raises:
        ValueError: if a value is not finite, or one of the quantities never changes.
    """
    rows = values.reshape(len(values), -1).astype(np.float64, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        means, stds = rows.mean(axis=0), rows.std(axis=0)
    for name, low, high, std in zip(names, rows.min(axis=0), rows.max(axis=0), stds, strict=True):
        if low == high:
            raise ValueError(f"target {name}: expected numbers that differ, got {low:g} only")
        if not np.isfinite(std):
            raise ValueError(f"target {name}: expected numbers whose squares are finite, got {low:g} to {high:g}")
    return Quantities(tuple(names), tuple(means.tolist()), tuple(stds.tolist()))
