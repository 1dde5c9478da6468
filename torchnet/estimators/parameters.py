"""The values that the parameters of an estimator may have."""

import math
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

from torchnet.choices import expect_one_of


def _number(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, Real) and math.isfinite(value) and holds(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and int(value) >= 1


_EXPECTED: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "lr": ("a number above 0", _number(lambda value: value > 0)),
    "momentum": ("a number from 0 up and below 1", _number(lambda value: 0 <= value < 1)),
    "alpha": ("a number from 0 up, or None", lambda value: value is None or _number(lambda it: it >= 0)(value)),
    "clip_norm": ("a number above 0, or None", lambda value: value is None or _number(lambda it: it > 0)(value)),
    "batch_size": ('a whole number from 1 up, or "auto"', lambda value: value == "auto" or _is_count(value)),
    "max_epochs": ("a whole number from 1 up", _is_count),
    "validation_fraction": ("a number above 0 and below 1", _number(lambda value: 0 < value < 1)),
    "n_iter_no_change": ("a whole number from 1 up", _is_count),
}


def check_parameters(parameters: dict[str, Any]) -> None:
    """Raise a ValueError that names the first parameter with an invalid value.

    The network checks those that describe it: hidden_sizes, activation and dropout.
    """
    for name, (expected, holds) in _EXPECTED.items():
        if not holds(parameters[name]):
            raise ValueError(f"{name}: expected {expected}, got {parameters[name]!r}")
    expect_one_of("dtype", parameters["dtype"], ("float32", "float64"))


def widths(hidden_sizes: int | Sequence[int]) -> tuple[int, ...]:
    """Return the widths of the hidden layers; an integer is one layer, NumPy's integers become Python's."""
    # mypy does not know that an int is an Integral.
    sizes = [hidden_sizes] if isinstance(hidden_sizes, Integral) else list(hidden_sizes)  # type: ignore[arg-type]
    if not all(_is_count(size) for size in sizes):
        raise ValueError(f"hidden_sizes: expected whole numbers from 1 up, got {hidden_sizes!r}")
    return tuple(int(size) for size in sizes)


def chosen_batch_size(batch_size: int | str, n: int) -> int:
    """Return the size of mini-batches: "auto" is about 40 steps an epoch, of 32 to 512 samples."""
    return min(n, int(batch_size) if batch_size != "auto" else min(512, max(32, n // 40)))
