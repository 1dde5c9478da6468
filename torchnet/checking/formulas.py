"""Gradients that a wrong backward may have computed, to compare it with.

These are common formulas of backward passes, factors from means and squares, and autograd's gradient with one path cut.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from torchnet.checking.oracles import NoOracleError, autograd
from torchnet.checking.subject import Outputs, Subject, Tensors

SAME = 1e-8  # the largest difference between results of the same formula, relative to the norm
_MOST_TENSORS = 8  # a subject with more tensors is a network, whose gradients no single formula gives
_NOT_CUT = (Tensor.requires_grad_, Tensor.clone)  # these prepare the inputs of the forward pass
_MOST_CUTS = 64  # arguments of operations that are cut


def meaning_of(factor: float, sizes: Mapping[int, str]) -> str:
    """Return where a factor may come from: a square, or a size that a mean divides by; "" if unknown."""
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
    """Whether two gradients are the same up to rounding, where both are known (not NaN)."""
    if b is None or a.shape != b.shape:
        return False
    known = ~(a.isnan() | b.isnan())
    a, b = a[known], b[known]
    return bool(known.any()) and float((a - b).norm()) <= SAME * float(b.norm())


def formula_of(gradient: Tensor, tensors: Tensors) -> tuple[str, str] | None:
    """Return the kind and text of a formula of the tensors that gives the gradient up to a factor."""
    if gradient.numel() < 2 or gradient.isnan().any() or len(tensors) > _MOST_TENSORS:
        return None
    for kind, text, value in _formulas(tensors):
        if value.shape == gradient.shape:
            factor = float((gradient * value).sum() / (value * value).sum())
            if math.isfinite(factor) and factor != 0 and same(gradient, factor * value):
                return kind, text if math.isclose(factor, 1, rel_tol=SAME) else f"{text} times {factor:.7g}"
    return None


def _formulas(tensors: Tensors) -> Iterator[tuple[str, str, Tensor]]:
    """Yield common formulas of backward passes: kind (upstream, sum, elementwise or product), text and value."""
    if "grad_output" not in tensors:
        return
    grad = tensors["grad_output"]
    yield "upstream", "grad_output", grad
    for axis in range(grad.dim()):
        yield "sum", f"grad_output.sum(dim={axis})", grad.sum(dim=axis)
    for name, x in tensors.items():
        if name != "grad_output" and x.shape == grad.shape:
            for factor, value in (
                (name, x),
                (f"{name} * (1 - {name})", x * (1 - x)),
                (f"(1 - {name})", 1 - x),
                (f"(1 - {name}**2)", 1 - x * x),
                (f"{name}**2", x * x),
                (f"({name} > 0)", x > 0),
                (f"({name} >= 0)", x >= 0),
                (f"({name} < 0)", x < 0),
                (f"({name} <= 0)", x <= 0),
                (f"sigmoid'({name})", x.sigmoid() * (1 - x.sigmoid())),
                (f"tanh'({name})", 1 - x.tanh() ** 2),
            ):
                yield "elementwise", f"grad_output * {factor}", grad * value
    matrices = {name: x for name, x in tensors.items() if x.dim() == 2}
    sides = [(name + t, y) for name, x in matrices.items() for t, y in (("", x), (".T", x.T))]
    for left, a in sides:
        for right, b in sides:
            if a.shape[1] == b.shape[0]:
                yield "product", f"{left} @ {right}", a @ b


def with_one_path_cut(subject: Subject, grad_outputs: Outputs) -> Iterator[tuple[str, Tensors]]:
    """Yield, for each argument of each operation of the forward pass, its description and the gradients without it."""
    for place in range(_MOST_CUTS):
        with _Cut(place, subject.tensors) as cut:
            gradients = autograd_or_none(subject, grad_outputs)
        if not cut.what:
            return
        yield cut.what, gradients


def autograd_or_none(subject: Subject, grad_outputs: Outputs) -> Tensors:
    """Return autograd's gradients; none if it does not apply, for example because every path is cut."""
    try:
        return autograd(subject, grad_outputs)
    except (NoOracleError, RuntimeError):
        return {}


class _Cut(TorchFunctionMode):
    """Detach one argument of one operation of the forward pass: `place` counts the arguments that have a gradient."""

    def __init__(self, place: int, tensors: Tensors) -> None:
        super().__init__()
        self.place, self.tensors = place, tensors
        self.places, self.operations, self.what = 0, 0, ""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if not isinstance(result, Tensor) or not result.requires_grad or func in _NOT_CUT:
            return result
        self.operations += 1
        for i, x in enumerate(args):
            if isinstance(x, Tensor) and x.requires_grad:
                if self.places == self.place:
                    names = [n for n, t in self.tensors.items() if x.shape == t.shape and torch.equal(x, t)]
                    which = f"{i} ({names[0]})" if names else f"{i}"
                    function = func.__name__.strip("_")
                    self.what = f"argument {which} of {function} (operation {self.operations} of the forward pass)"
                    result = func(*args[:i], x.detach(), *args[i + 1 :], **kwargs)
                self.places += 1
        return result
