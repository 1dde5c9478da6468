"""What is wrong with a gradient, by the structure of its difference from the true one."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from torchnet.checking.diagnosis.context import LARGE, Context
from torchnet.checking.diagnosis.factors import known
from torchnet.checking.reports.report import Diagnosis

_SMALL, _MANY = 1e-3, 0.3
_NEARLY = 0.02  # an error relative to the norm that looks like a slightly different constant


def multiple_of_tensor(hand: Tensor, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Recognize a term that is a multiple of an input or a weight, such as weight decay."""
    if hand.numel() < 2 or true.isnan().any():
        return
    difference = hand - true
    limit = context.same_error * max(
        float(difference.norm()), context.accuracy * float(true.norm()) / context.same_error
    )
    for name, x in context.tensors.items():
        if x.shape == hand.shape and (size := float((x * x).sum())):
            factor = float((difference * x).sum()) / size
            if float((difference - factor * x).norm()) <= limit:
                yield Diagnosis("term", f"it is off by {-factor:.6g} * {name}: this term is missing or wrong")


def small_error(hand: Tensor, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Recognize a small error in many elements, which is a slightly different constant, wherever it is largest."""
    h, t = known(hand, true)
    if float((h - t).norm()) < _SMALL * float(t.norm()) and context.dtype is None:
        many = ((h - t).abs() > 1e-10 * t.abs().max()).double().mean()
        if many > _MANY:
            yield from nearly_right(hand, true)


def difference_structure(hand: Tensor, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Recognize a term that is constant along an axis, or a multiple of a known tensor in each slice."""
    if hand.numel() > LARGE or hand.dim() == 0 or true.isnan().any():
        return
    difference = hand - true
    limit = context.same_error * max(
        float(difference.norm()), context.accuracy * float(true.norm()) / context.same_error
    )
    for axis in reversed(range(hand.dim())):
        if hand.shape[axis] < 3:
            continue
        mean = difference.mean(axis, keepdim=True)
        if float((difference - mean).norm()) <= limit:
            yield Diagnosis(
                "term",
                f"it is off by the same number along axis {axis}: a term that is a mean or a sum over this axis is "
                "missing or wrong",
            )
        ratio = (hand * true).sum(axis, keepdim=True) / (true * true).sum(axis, keepdim=True)
        if float((hand - ratio.nan_to_num() * true).norm()) <= limit and hand.dim() > 1:
            yield Diagnosis("scale per slice", _scale(ratio, axis, context))
        for name, x in context.tensors.items():
            if x.shape == hand.shape:
                weights = (difference * x).sum(axis, keepdim=True) / (x * x).sum(axis, keepdim=True)
                if float((difference - weights.nan_to_num() * x).norm()) <= limit:
                    yield Diagnosis(
                        "term",
                        f"along axis {axis} it is off by a multiple of {name}: a term {name} * sum(...) over this "
                        "axis, such as that of a mean, norm or softmax, is missing or wrong",
                    )


def _scale(ratio: Tensor, axis: int, context: Context) -> str:
    """Describe a factor for each slice: which number of the inputs is it?"""
    factors = ", ".join(f"{r:.4g}" for r in ratio.flatten()[:4].tolist())
    text = f"along axis {axis} each slice is the true one times a factor of its own ({factors}, ...)"
    if float((ratio - 1).abs().nan_to_num().max()) < _NEARLY:
        return f"{text}, nearly 1: a constant is slightly different, or an epsilon is missing"
    for what, x in _numbers_of_slices(ratio, axis, context):
        for form, value in ((what, x), (f"1 / {what}", 1 / x)):
            r, v = ratio.flatten(), value.flatten()
            scale = float((r * v).sum() / (v * v).sum())
            if v.isfinite().all() and float((r - scale * v).norm()) <= max(1e-6, context.same_error) * float(r.norm()):
                return f"{text}: this is {form}{'' if abs(scale - 1) < 1e-6 else f' times {scale:.6g}'}"
    return f"{text}: a scale is missing or wrong"


def _numbers_of_slices(ratio: Tensor, axis: int, context: Context) -> Iterator[tuple[str, Tensor]]:
    """Yield numbers that belong to each slice: a vector, its entries at indices, a statistic along the axis."""
    count = ratio.numel()
    vectors = {name: x for name, x in context.tensors.items() if x.dim() == 1}
    for name, x in vectors.items():
        if len(x) == count:
            yield name, x
        for index, i in context.subject.constants.items():
            if (
                not i.is_floating_point()
                and i.dtype != torch.bool
                and i.dim() == 1
                and len(i) == count
                and int(i.max()) < len(x)
                and int(i.min()) >= 0
            ):
                yield f"{name}[{index}]", x[i]
    for name, x in context.tensors.items():
        if (
            x.dim() > axis
            and x.dim() == ratio.dim()
            and x.shape[:axis] + x.shape[axis + 1 :] == ratio.shape[:axis] + ratio.shape[axis + 1 :]
        ):
            yield f"the standard deviation of {name}", x.std(axis, correction=0)
            yield f"the variance of {name}", x.var(axis, correction=0)
            yield f"the unbiased standard deviation of {name}", x.std(axis)
            yield f"the norm of {name}", x.norm(dim=axis)
            yield f"the sum of {name}", x.sum(axis)


def nearly_right(hand: Tensor, true: Tensor) -> Iterator[Diagnosis]:
    """Say that an error is small and everywhere: a slightly different constant."""
    h, t = known(hand, true)
    size = float(t.norm())
    error = float((h - t).norm()) / size if size else math.inf
    if error < _NEARLY:
        yield Diagnosis(
            "nearly right",
            f"it is nearly right, off by {error:.1e} of its norm: a constant is slightly different, or a small term "
            "such as an epsilon is missing",
        )
    cosine = float((h * t).sum()) / (float(h.norm()) * size) if size and float(h.norm()) else math.nan
    if cosine > 0.999:
        yield Diagnosis(
            "nearly right",
            f"it points in nearly the right direction (cosine {cosine:.6f}): a scale or a small term is wrong",
        )
