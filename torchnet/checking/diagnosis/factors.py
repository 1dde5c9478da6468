"""Where a factor of a wrong gradient may come from: sizes, arguments, or a tensor that was left out."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from torchnet.checking.diagnosis.context import LARGE, Context
from torchnet.checking.reports.report import Diagnosis

_MOST_NUMBERS = 24  # arguments and attributes
_ROUNDING = 10  # of a kernel, in units of the error of its reference: a factor as close to 1 is no mistake
_CLOSE = 1e-4  # a factor this close to 1 is written as 1 + the difference


def constant_factor(hand: Tensor, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Recognize the true gradient times a number."""
    h, t = known(hand, true)
    size = float((t * t).sum())
    factor = float((h * t).sum()) / size if size else math.nan
    if not math.isfinite(factor) or factor == 0 or abs(factor - 1) < _ROUNDING * context.accuracy:
        return
    rest = float((h - factor * t).norm() / t.norm())
    if rest > min(context.same_error * abs(factor), max(1e-3 * abs(factor - 1), 1e-300)):
        return
    if math.isclose(factor, -1, rel_tol=max(context.same_error, 1e-8)):
        yield Diagnosis("sign", "it is the true gradient with the opposite sign")
    meaning = meaning_of(factor, context)
    if h.numel() > 1 or meaning:  # a single number is always a multiple of another
        yield Diagnosis(
            "constant factor", f"it is the true gradient times {written(factor)}{meaning and f' ({meaning})'}"
        )


def written(factor: float) -> str:
    """Return a factor with the digits that matter."""
    close = abs(factor - 1) < _CLOSE
    return f"1 {'+' if factor > 1 else '-'} {abs(factor - 1):.3g}" if close else f"{factor:.7g}"


def meaning_of(factor: float, context: Context) -> str:
    """Return where a factor may come from: a square, a size, or an argument; "" if unknown."""
    readings: dict[str, float] = {}
    for n, what in context.sizes.items():
        if n > 1:
            readings |= {
                f"{n} is {what}: a mean's 1/{n} is missing": n,
                f"{n} is {what}: divided by it once too often": 1 / n,
                f"{n} is {what}: divided by {n - 1} instead": n / (n - 1),
                f"{n} is {what}: divided by {n + 1} instead": n / (n + 1),
            }
    for name, value in list(context.subject.numbers.items())[:_MOST_NUMBERS]:
        forms = {
            name: value,
            f"1 - {name}": 1 - value,
            f"1 + {name}": 1 + value,
            f"{name}**2": value * value,
            f"sqrt({name})": math.sqrt(value) if value > 0 else 0.0,
        }
        for text, number in forms.items():
            if number not in (0.0, 1.0) and math.isfinite(number):
                readings |= {
                    f"{text}, with {name} = {value:g}": number,
                    f"1 / ({text}), with {name} = {value:g}": 1 / number,
                }
    for name, tensor in context.tensors.items():
        if tensor.numel() == 1 and (value := float(tensor)) not in (0.0, 1.0) and math.isfinite(value):
            readings |= {f"{name}": value, f"1 / {name}": 1 / value, f"1 - {name}": 1 - value}
    readings |= {"2, as of a square": 2.0, "1/2, as of a square": 0.5}
    for n, what in context.sizes.items():
        if n > 1:
            readings[f"the square root of {n}, {what}: a division by sqrt({n}) is missing"] = math.sqrt(n)
            readings[f"1 / the square root of {n}, {what}: divided by it once too often"] = 1 / math.sqrt(n)
    close = max(1e-6, context.same_error)
    found = [text for text, value in readings.items() if value and math.isclose(abs(factor), value, rel_tol=close)]
    return "; or ".join(found[:3]) + (", with the opposite sign" if found and factor < 0 else "")


def tensor_factor(hand: Tensor, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Recognize the true gradient times, or divided by, a tensor of the passes, along the axes where it fits."""
    if hand.dim() == 0 or hand.numel() > LARGE or hand.isnan().any() or true.isnan().any():
        return
    for text, factor in _factors(context):
        shaped = _broadcast(factor, hand)
        for where, x in shaped:
            if context.same(hand, true * x):
                yield Diagnosis(
                    "tensor factor", f"it is the true gradient times {text}{where}: this factor is superfluous"
                )
            if context.same(hand * x, true) and float((hand * x - true).norm()) < 1e-3 * float((hand - true).norm()):
                yield Diagnosis("tensor factor", f"the factor {text}{where} is missing")


def _factors(context: Context) -> Iterator[tuple[str, Tensor]]:
    masks = {name: x.double() for name, x in context.subject.constants.items() if x.dtype == torch.bool}
    for name, x in (context.tensors | masks).items():
        if name == "grad_output":
            continue
        yield name, x
        yield f"{name}**2", x * x
        yield f"(1 - {name})", 1 - x
        if x.dim() > 0 and name not in masks:
            for axis in {x.dim() - 1, 0}:
                yield f"the norm of {name} along axis {axis}", x.norm(dim=axis, keepdim=True)


def _broadcast(factor: Tensor, like: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield a factor in shapes that multiply a tensor: as it is, or, of one dimension, along each axis."""
    if factor.numel() == 1:
        return
    try:
        if factor.dim() <= like.dim() and torch.broadcast_shapes(factor.shape, like.shape) == like.shape:
            yield "", factor
    except RuntimeError:
        pass
    if factor.dim() == 1:
        for axis in range(like.dim() - 1):
            if like.shape[axis] == len(factor):
                yield f" along axis {axis}", factor.reshape(-1, *[1] * (like.dim() - 1 - axis))


def known(hand: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Return the elements where the true gradient is known."""
    where = ~true.isnan()
    return (hand, true) if where.all() else (hand[where], true[where])
