"""What is wrong with a gradient, by the structure of its difference from the true one."""

import math
from collections.abc import Iterator

from torch import Tensor

from torchnet.checking.diagnosis.context import LARGE, Context
from torchnet.checking.diagnosis.factors import known
from torchnet.checking.report import Diagnosis

_NEARLY = 0.02  # an error relative to the norm that looks like a slightly different constant


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
                f"it is off by the same number along axis {axis}: a term that is a mean or a sum over this axis is missing or wrong",
            )
        ratio = (hand * true).sum(axis, keepdim=True) / (true * true).sum(axis, keepdim=True)
        if float((hand - ratio.nan_to_num() * true).norm()) <= limit and hand.dim() > 1:
            factors = ", ".join(f"{r:.4g}" for r in ratio.flatten()[:4].tolist())
            yield Diagnosis(
                "scale per slice",
                f"along axis {axis} each slice is the true one times a factor of its own ({factors}, ...): a scale is missing or wrong",
            )
        for name, x in context.tensors.items():
            if x.shape == hand.shape:
                weights = (difference * x).sum(axis, keepdim=True) / (x * x).sum(axis, keepdim=True)
                if float((difference - weights.nan_to_num() * x).norm()) <= limit:
                    yield Diagnosis(
                        "term",
                        f"along axis {axis} it is off by a multiple of {name}: a term {name} * sum(...) over this axis, such as that of a "
                        "mean, norm or softmax, is missing or wrong",
                    )


def nearly_right(hand: Tensor, true: Tensor) -> Iterator[Diagnosis]:
    """Say that an error is small and everywhere: a slightly different constant."""
    h, t = known(hand, true)
    size = float(t.norm())
    error = float((h - t).norm()) / size if size else math.inf
    if error < _NEARLY:
        yield Diagnosis(
            "nearly right",
            f"it is nearly right, off by {error:.1e} of its norm: a constant is slightly different, or a small term such as an epsilon "
            "is missing",
        )
    cosine = float((h * t).sum()) / (float(h.norm()) * size) if size and float(h.norm()) else math.nan
    if cosine > 0.999:
        yield Diagnosis(
            "nearly right",
            f"it points in nearly the right direction (cosine {cosine:.6f}): a scale or a small term is wrong",
        )
