"""Comparison of values from a file with expected ones: trees of plain values and tensors, leaf by leaf.

`place` says where a value comes from, "FILE: part, key". The error names the first place that differs.
"""

import math
from collections.abc import Collection
from typing import Any, NoReturn

from torch import Tensor

from torchnet.storage import CheckpointError

ANOTHER = "start from another checkpoint"
_SHOWN = 80  # characters of a value from a file, which may have any length


def refuse(place: str, expected: str, got: Any, hint: str = ANOTHER) -> NoReturn:
    """Raise a CheckpointError that says what was expected at a place, what was got, and what to do."""
    raise CheckpointError(f"{place}: expected {expected}, got {_shown(got)}: {hint}")


def kind(value: Any) -> str:
    """Return the type of a value in a word; for a tensor its dtype and shape."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    return "number" if _is_number(value) else type(value).__name__


def expect_keys(place: str, got: Any, expected: Collection[Any]) -> None:
    """Expect a dictionary with exactly these keys."""
    if not isinstance(got, dict):
        refuse(place, "a dictionary", got)
    for key in sorted({*got} ^ {*expected}, key=lambda key: (key in got, str(key))):
        fault = f"with an unknown {_shown(key)}" if key in got else f"without {key}"
        raise CheckpointError(f"{place}: expected a checkpoint of a run, got one {fault}: {ANOTHER}")


def expect_same(place: str, got: Any, expected: Any, hint: str = ANOTHER) -> None:
    """Expect equal values of equal types: 1 is neither 1.0 nor True."""
    if isinstance(expected, dict):
        expect_keys(place, got, expected)
        for key, value in expected.items():
            expect_same(f"{place}, {key}", got[key], value, hint)
    elif isinstance(expected, list) and expected and isinstance(got, list) and len(got) == len(expected):
        for k, (item, value) in enumerate(zip(got, expected, strict=True)):
            expect_same(f"{place}, {k}", item, value, hint)
    elif type(got) is not type(expected) or got != expected:
        refuse(place, str(expected), got, hint)


def expect_count(place: str, got: Any, least: int, most: int | None = None) -> None:
    """Expect a whole number within bounds."""
    if type(got) is not int or got < least or (most is not None and got > most):
        refuse(place, f"a whole number from {least} {'up' if most is None else f'to {most}'}", got)


def expect_finite(place: str, got: Any) -> None:
    """Expect a tensor or a number without Inf and NaN; any other value passes."""
    if not (got.isfinite().all() if isinstance(got, Tensor) else not isinstance(got, float) or math.isfinite(got)):
        raise CheckpointError(f"{place} is not finite: {ANOTHER}")


def expect_like(place: str, got: Any, expected: Any) -> None:
    """Expect a value of the same form: the same keys, lengths, types and shapes.

    An empty container may have been filled; None may have become a number or a bool, and a bool None. A value may be
    infinite only where the expected one is. A tensor may have another precision.
    """
    if isinstance(expected, dict) and isinstance(got, dict):
        if expected:
            expect_keys(place, got, expected)
        for key, value in expected.items():
            expect_like(f"{place}, {key}", got[key], value)
    elif isinstance(expected, (list, tuple)) and isinstance(got, (list, tuple)):
        if expected and len(got) != len(expected):
            refuse(f"{place}, length", str(len(expected)), len(got))
        for k, (item, value) in enumerate(zip(got, expected, strict=False)):
            expect_like(f"{place}, {k}", item, value)
    elif isinstance(expected, Tensor) and isinstance(got, Tensor):
        if got.shape != expected.shape or got.is_floating_point() != expected.is_floating_point():
            refuse(place, kind(expected), got)
        if expected.isfinite().all() or got.isnan().any():
            expect_finite(place, got)
    elif _is_number(expected) and _is_number(got):
        if math.isfinite(expected) or math.isnan(got):
            expect_finite(place, got)
    elif expected is None or isinstance(expected, bool):
        if not (got is None or isinstance(got, bool) or (expected is None and _is_number(got))):
            refuse(place, kind(expected), got)
        if isinstance(got, float) and math.isnan(got):
            expect_finite(place, got)
    elif kind(got) != kind(expected):
        refuse(place, kind(expected), got)


def _shown(value: Any) -> str:
    if isinstance(value, (Tensor, dict, list, tuple)):
        return kind(value)
    if isinstance(value, int) and value.bit_length() > _SHOWN:  # Python does not print ints of more than 4300 digits
        return f"a whole number of {value.bit_length()} bits"
    return repr(value)[:_SHOWN]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
