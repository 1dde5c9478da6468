"""What is said of one gradient: how far it is from the truth, where, and what kind of mistake it looks like."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from torchnet.checking.scene import Diagnosis


@dataclass(frozen=True)
class Comparison:
    """A gradient against one oracle.

    Attributes:
        oracle: its name.
        error: the largest difference, relative to the largest element of the true gradient; where directions were
            compared and not elements, relative to the norm.
        allowed: the largest error that counts as rounding.
        compared: how many elements, or directions, were compared.
        skipped: how many were not, because a kink is within reach there.
        directions: whether `compared` counts directions.
    """

    oracle: str
    error: float
    allowed: float
    compared: int
    skipped: int = 0
    directions: bool = False

    @property
    def passed(self) -> bool:
        return self.error <= self.allowed


@dataclass(frozen=True)
class Precision:
    """A gradient computed in the subject's own dtype, against the truth in float64 at the same numbers.

    Attributes:
        dtype: the subject's own.
        error: of the hand-written gradient, as a norm relative to that of the truth.
        autograd_error: of autograd in the same dtype.
    """

    dtype: str
    error: float
    autograd_error: float

    @property
    def passed(self) -> bool:
        """Whether the hand-written gradient is at most twice as far from the truth as autograd's.

        In float64, where autograd's is the truth itself, it may differ by as much as in the check of the formulas.
        """
        return self.error <= max(2 * self.autograd_error, 1e-12)


@dataclass(frozen=True)
class Verdict:
    """The hand-written gradient of one tensor.

    Attributes:
        name: of the tensor.
        shape: of the tensor.
        passed: whether every oracle agrees with it.
        comparisons: one for each oracle that could be asked.
        taylor_slope: how fast the remainder of the first-order Taylor expansion falls: 2, or 1 for a wrong gradient;
            infinite if there is none, None if it was not asked or a kink is in the way.
        right_in_float64: whether the formula is right, whatever the precision in a smaller dtype.
        written: whether backward wrote a gradient in float64; none is right where the true one is zero.
        precision: for a subject below float64.
        max_abs: the largest absolute difference from the true gradient.
        max_rel: the largest difference of an element relative to the true element.
        ulps: the difference at the worst index in units of the last place of the true value, in float64.
        cosine: of the angle between the hand-written and the true gradient.
        scale: <hand, true> / <true, true>, the factor by which the hand-written gradient is too large.
        worst_index: where the difference is largest.
        hand_value: the hand-written gradient there.
        true_value: the true gradient there.
        wrong_share: the share of the elements that are off by more than rounding.
        diagnosis: the kind of mistake, None if there is none.
    """

    name: str
    shape: tuple[int, ...]
    passed: bool
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    taylor_slope: float | None = None
    right_in_float64: bool = True
    written: bool = True
    precision: Precision | None = None
    max_abs: float = math.nan
    max_rel: float = math.nan
    ulps: float = math.nan
    cosine: float = math.nan
    scale: float = math.nan
    worst_index: tuple[int, ...] | None = None
    hand_value: float = math.nan
    true_value: float = math.nan
    wrong_share: float = math.nan
    diagnosis: Diagnosis | None = None

    @property
    def error(self) -> float:
        """The largest error against any oracle."""
        return max((comparison.error for comparison in self.comparisons.values()), default=math.inf)


def compare_elements(oracle: str, hand: Tensor, true: Tensor, tolerance: float, noise: float = 0.0) -> Comparison:
    """Compare element by element; NaN in `true` marks what the oracle cannot say.

    Args:
        oracle: its name.
        hand: the hand-written gradient.
        true: the oracle's.
        tolerance: the error that is allowed, relative to the largest true element.
        noise: the absolute difference that is allowed in any case.
    """
    known = ~true.isnan()
    compared = int(known.sum())
    skipped = true.numel() - compared
    if compared == 0:
        return Comparison(oracle, 0.0, tolerance, 0, skipped)
    largest = float(true[known].abs().max())
    difference = float((hand - true)[known].abs().nan_to_num(math.inf).max())
    return Comparison(
        oracle, relative(difference, largest), max(tolerance, relative(noise, largest)), compared, skipped
    )


def compare_directions(
    oracle: str, hand: list[float], true: list[float], tolerance: float, noise: float = 0.0
) -> Comparison:
    """Compare derivatives along random directions, whose root mean square is the norm of the gradient."""
    pairs = [(h, t) for h, t in zip(hand, true, strict=True) if not math.isnan(t)]
    skipped = len(true) - len(pairs)
    if not pairs:
        return Comparison(oracle, 0.0, tolerance, 0, skipped, directions=True)
    norm = math.hypot(*(t for _, t in pairs)) / math.sqrt(len(pairs))  # hypot does not overflow
    difference = max(math.inf if math.isnan(h) else abs(h - t) for h, t in pairs)
    return Comparison(
        oracle,
        relative(difference, norm),
        max(tolerance, relative(noise, norm)),
        len(pairs),
        skipped,
        directions=True,
    )


def measure(hand: Tensor, true: Tensor, allowed: float) -> dict[str, Any]:
    """Return the numbers of a verdict, over the elements where the truth is known.

    Args:
        hand: the hand-written gradient.
        true: the true one, NaN where it is not known.
        allowed: the error, relative to the largest true element, that counts as rounding.
    """
    known = ~true.isnan()
    if not known.any():
        return {}
    h, t = hand[known], true[known]
    difference = (h - t).abs().nan_to_num(math.inf)
    worst = int(difference.argmax())
    worst_index = tuple(int(i) for i in known.nonzero()[worst]) if known.dim() > 0 else ()
    max_abs = float(difference[worst])
    nonzero = difference > 0
    return {
        "max_abs": max_abs,
        "max_rel": float((difference[nonzero] / t[nonzero].abs()).max()) if nonzero.any() else 0.0,
        "ulps": max_abs / _ulp(float(t[worst])),
        "cosine": float((h * t).sum() / (h.norm() * t.norm())),
        "scale": float((h * t).sum() / (t * t).sum()),
        "worst_index": worst_index,
        "hand_value": float(h[worst]),
        "true_value": float(t[worst]),
        "wrong_share": float((difference > allowed * t.abs().max()).double().mean()),
    }


def _ulp(value: float) -> float:
    return math.ulp(value) if math.isfinite(value) else math.nan


def relative(difference: float, size: float) -> float:
    """Return difference / size, where 0 / 0 is 0."""
    return 0.0 if difference == 0 else difference / size if size > 0 else math.inf


def norm(tensor: Tensor) -> float:
    """Return the norm, of numbers that may be too large or too small to be squared."""
    largest = float(tensor.abs().max())
    return largest * float((tensor / largest).norm()) if largest > 0 else 0.0


def random_directions(tensor: Tensor, count: int, seed: int) -> list[Tensor]:
    """Return directions with independent standard normal elements, in the shape of a tensor."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(tensor.shape, generator=generator, dtype=torch.float64).to(tensor.device) for _ in range(count)]
