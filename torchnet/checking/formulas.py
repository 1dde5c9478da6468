"""Formulas that backward passes are made of, and factors that they are off by: to tell one from another."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from torchnet.checking.subject import Tensors

SAME = 1e-8  # how close two gradients are that come from the same formula, relative to the norm
_MOST_TENSORS = 8  # of a layer; a network's formula is none of these


def meaning_of(factor: float, sizes: Mapping[int, str]) -> str:
    """Say what a factor may come from: a square, or a size that a mean divides by."""
    readings = {"2, as of a square": 2.0, "1/2, as of a square": 0.5}
    for n, what in sizes.items():
        if n > 1:
            readings |= {
                f"{n} is {what}: a mean's 1/{n} is missing": n,
                f"{n} is {what}: divided by it once too often": 1 / n,
                f"{n} is {what}: divided by {n - 1} instead": n / (n - 1),
                f"{n} is {what}: divided by {n + 1} instead": n / (n + 1),
            }
    found = [text for text, value in readings.items() if math.isclose(abs(factor), value, rel_tol=1e-6)]
    return "; or ".join(found[:3]) + (", with the opposite sign" if found and factor < 0 else "")


def same(a: Tensor, b: Tensor | None) -> bool:
    """Whether two gradients are the same up to rounding, where both are known."""
    if b is None or a.shape != b.shape:
        return False
    known = ~(a.isnan() | b.isnan())
    a, b = a[known], b[known]
    return bool(known.any()) and float((a - b).norm()) <= SAME * float(b.norm())


@dataclass(frozen=True)
class Formula:
    """A formula, up to a factor.

    Attributes:
        kind: "sum", "product" or "elementwise".
        text: the formula.
        factor: by which it is multiplied.
    """

    kind: str
    text: str
    factor: float

    def __str__(self) -> str:
        return self.text if math.isclose(self.factor, 1, rel_tol=SAME) else f"{self.text} times {self.factor:.7g}"


def formula_of(gradient: Tensor, tensors: Tensors) -> Formula | None:
    """Return the formula over the tensors that gives the gradient, up to a factor."""
    if gradient.numel() < 2 or gradient.isnan().any() or len(tensors) > _MOST_TENSORS:
        return None
    for kind, text, value in _formulas(tensors):
        if value.shape == gradient.shape:
            factor = float((gradient * value).sum() / (value * value).sum())
            if math.isfinite(factor) and factor != 0 and same(gradient, factor * value):
                return Formula(kind, text, factor)
    return None


def _formulas(tensors: Tensors) -> Iterator[tuple[str, str, Tensor]]:
    """Yield the formulas that backward passes are made of: kind, text and value."""
    if "grad_output" not in tensors:
        return
    grad = tensors["grad_output"]
    yield "elementwise", "grad_output", grad
    for axis in range(grad.dim()):
        yield "sum", f"grad_output.sum(dim={axis})", grad.sum(dim=axis)
    for name, x in tensors.items():
        if name != "grad_output" and x.shape == grad.shape:
            yield "elementwise", f"grad_output * {name}", grad * x
            yield "elementwise", f"grad_output * {name} * (1 - {name})", grad * x * (1 - x)
            yield "elementwise", f"grad_output * (1 - {name})", grad * (1 - x)
            yield "elementwise", f"grad_output * (1 - {name}**2)", grad * (1 - x * x)
            yield "elementwise", f"grad_output * {name}**2", grad * x * x
            yield "elementwise", f"grad_output * ({name} > 0)", grad * (x > 0)
            yield "elementwise", f"grad_output * ({name} >= 0)", grad * (x >= 0)
            yield "elementwise", f"grad_output * ({name} < 0)", grad * (x < 0)
            yield "elementwise", f"grad_output * ({name} <= 0)", grad * (x <= 0)
            yield "elementwise", f"grad_output * sigmoid'({name})", grad * x.sigmoid() * x.sigmoid().neg().add(1)
            yield "elementwise", f"grad_output * tanh'({name})", grad * (1 - x.tanh() ** 2)
    flat = {name: x for name, x in tensors.items() if x.dim() == 2}
    sides = [(name + t, y) for name, x in flat.items() for t, y in (("", x), (".T", x.T))]
    for left, a in sides:
        for right, b in sides:
            if a.shape[1] == b.shape[0]:
                yield "product", f"{left} @ {right}", a @ b
