"""The preprocessing of a network: how raw samples become its inputs, and how its outputs become answers.

It is learned on the training set. Checkpoints and exported files hold it as plain values, read strictly.
"""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from torchnet.data.inputs import Inputs, Pixels, Table
from torchnet.data.table_columns import CategoricalColumn, NumericColumn
from torchnet.data.targets import LABEL_TYPES, LONGEST_NAME, Classes, Quantities, Targets

MISSING = ("refuse", "mean", "indicator")
_MOST = 2**24  # inputs or names: far more than a network takes
_KINDS: dict[str, type] = {
    "pixels": Pixels,
    "table": Table,
    "classes": Classes,
    "quantities": Quantities,
    "numeric": NumericColumn,
    "categorical": CategoricalColumn,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


@dataclass(frozen=True)
class Preprocessing:
    """What turns a raw sample into the input of a network, and its outputs into an answer.

    Attributes:
        inputs: of images (Pixels), or of rows with columns (Table).
        targets: classes, or quantities for a regression.
    """

    inputs: Inputs
    targets: Targets

    @property
    def task(self) -> str:
        """What the network does: "classification" or "regression"."""
        return "classification" if isinstance(self.targets, Classes) else "regression"

    def as_dict(self) -> dict[str, Any]:
        """Return the preprocessing as plain values."""
        return {"inputs": _plain(self.inputs), "targets": _plain(self.targets)}

    @classmethod
    def from_dict(cls, values: Any) -> "Preprocessing":
        """Return the preprocessing that `as_dict` gave.

        Raises:
            ValueError: if the values are not those of a preprocessing.
        """
        if not isinstance(values, dict) or {*values} != {"inputs", "targets"}:
            raise ValueError(f"expected inputs and targets, got {values!r:.100}")
        return cls(_read("inputs", values["inputs"], Pixels, Table), _read("targets", values["targets"], *_TARGETS))

    @classmethod
    def of_digits(cls, in_features: int, num_classes: int) -> "Preprocessing":
        """Return the preprocessing of networks from before it was saved, which classify images of bytes."""
        side = math.isqrt(in_features)
        is_square = side**2 == in_features
        shape = (side, side) if is_square else (in_features,)
        return cls(Pixels(shape, digits=is_square), Classes(tuple(map(str, range(num_classes)))))


_TARGETS = (Classes, Quantities)


def _plain(part: Any) -> dict[str, Any]:
    values = asdict(part)
    if isinstance(part, Table):
        values["columns"] = [_plain(column) for column in part.columns]
    return {"kind": _NAMES[type(part)]} | {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }


def _read(place: str, values: Any, *kinds: type) -> Any:
    """Return an object of one of these kinds, whose arguments are values of the right types."""
    found = values.get("kind") if isinstance(values, dict) else None
    kind = _KINDS.get(found) if isinstance(found, str) else None
    if kind not in kinds:
        raise ValueError(f"{place}: expected {' or '.join(_NAMES[it] for it in kinds)}, got {values!r:.100}")
    expected = {field.name for field in fields(kind)}
    if {*values} != {"kind", *expected}:
        raise ValueError(f"{place}: expected {', '.join(sorted(expected))}, got {', '.join(map(str, values)):.100}")
    for name in expected:
        if not _CHECKS[name](values[name]):
            raise ValueError(f"{place}, {name}: expected another value than {values[name]!r:.100}")
    arguments = {name: tuple(it) if isinstance(it := values[name], list) else it for name in expected}
    if kind is Table:
        arguments["columns"] = tuple(
            _read(f"{place}, column {k}", column, NumericColumn, CategoricalColumn)
            for k, column in enumerate(values["columns"])
        )
    made = kind(**arguments)
    _check_sizes(place, made)
    return made


def _check_sizes(place: str, made: Any) -> None:
    match made:
        case Pixels() if not made.low < made.high or made.in_features > _MOST:
            raise ValueError(f"{place}: expected low < high and at most {_MOST} pixels")
        case Table() if len({column.name for column in made.columns}) < len(made.columns):
            raise ValueError(f"{place}: expected columns with different names")
        case Classes(label_type="int") if not all(
            name.lstrip("-").isdecimal() and len(name) < 20 for name in made.names
        ):
            raise ValueError(f"{place}: expected whole numbers as names of classes")
        case Quantities() if not len(made.names) == len(made.means) == len(made.stds):
            raise ValueError(f"{place}: expected a mean and a std for each name")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_NAME and not any("\ud800" <= it <= "\udfff" for it in value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _list_of(check: Any) -> Any:
    return lambda value: isinstance(value, list) and 0 < len(value) <= _MOST and all(map(check, value))


_CHECKS: dict[str, Any] = {  # by the name of an attribute, which means the same in all kinds
    "shape": _list_of(lambda value: type(value) is int and 0 < value <= _MOST),
    "low": _is_number,
    "high": _is_number,
    "digits": lambda value: isinstance(value, bool),
    "columns": _list_of(lambda value: isinstance(value, dict)),
    "name": _is_text,
    "mean": _is_number,
    "std": lambda value: _is_number(value) and value > 0,
    "missing": lambda value: value in MISSING,
    "categories": _list_of(_is_text),
    "names": _list_of(_is_text),
    "label_type": lambda value: value in LABEL_TYPES,
    "means": _list_of(_is_number),
    "stds": _list_of(lambda value: _is_number(value) and value > 0),
}
