"""Compare a hand-written gradient with an oracle: all elements at once, or derivatives along directions."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

Derivative = Callable[[Tensor], float]  # direction, in the shape of the tensor -> derivative, NaN if there is none

_FEW = 16  # a tensor of up to this many elements is compared element by element, a larger one by random directions
_HIDDEN = 1e-6  # the largest relative error of an element, however small the element, that needs no explanation
_SAMPLE = 64  # elements of a large tensor that are evaluated to locate and diagnose an error


@dataclass(frozen=True)
class Comparison:
    """A gradient compared with one oracle.

    Attributes:
        oracle: the name of the oracle.
        error: the largest difference, relative to the largest element of the true gradient, or, if directions were
            compared, to its norm; absolute where the true gradient is zero.
        allowed: the largest error that counts as rounding.
        compared: the number of elements or directions compared.
        skipped: the number of elements or directions skipped because a kink of the function is too close.
        directions: whether directions were compared instead of elements.
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
    """A gradient computed in the subject's own dtype, compared with the float64 gradient at the same values.

    Attributes:
        dtype: the subject's dtype.
        error: the norm of the hand-written gradient's error, relative to the norm of the true gradient.
        autograd_error: the same for autograd in this dtype.
    """

    dtype: str
    error: float
    autograd_error: float

    @property
    def passed(self) -> bool:
        """Whether the hand-written gradient's error is at most twice that of autograd.

        In float64 autograd itself is the reference, with an error of 0: the tolerance of the float64 check applies.
        """
        return self.error <= max(2 * self.autograd_error, 1e-12)


def compare_elements(
    oracle: str, hand: Tensor, true: Tensor, tolerance: float, noise: Callable[[], Tensor]
) -> Comparison:
    """Compare element by element, relative to the largest element of `true`; NaN in `true` marks skipped elements.

    `noise` returns how far rounding alone can move each element. It is called only if the tolerance is exceeded.
    """
    known = ~true.isnan()
    compared = int(known.sum())
    skipped = true.numel() - compared
    if compared == 0:
        return Comparison(oracle, 0.0, tolerance, 0, skipped)
    differences = (hand - true).where(known, 0).abs().nan_to_num(math.inf, posinf=math.inf)
    largest, worst = float(true.where(known, 0).abs().max()), float(differences.max())
    allowed = tolerance * largest
    comparison = Comparison(oracle, relative(worst, largest), relative(allowed, largest), compared, skipped)
    if comparison.passed or worst == math.inf:
        return comparison
    moved = noise()
    wrong = differences > moved.clamp(min=allowed)
    if wrong.any():
        return replace(comparison, error=relative(float(differences.where(wrong, 0).max()), largest))
    return replace(comparison, allowed=relative(float(moved.where(known, 0).max()), largest))


class HiddenErrors(NamedTuple):
    """Wrong elements that are small relative to the largest: a sentence, the largest error, and the allowed one."""

    text: str
    error: float
    allowed: float


def hidden_errors(hand: Tensor, true: Tensor, noise: Callable[[], Tensor]) -> HiddenErrors | None:
    """Return the wrong elements that are so small relative to the largest element that a comparison misses them."""
    differences = (hand - true).abs()
    # Subnormal numbers have fewer digits: differences of that size are rounding.
    suspects = (differences > _HIDDEN * true.abs()) & (differences > torch.finfo(torch.float64).tiny)
    if suspects.any():
        suspects &= differences > noise()
    if not suspects.any():
        return None
    index = tuple(int(i) for i in (differences * suspects == (differences * suspects).max()).nonzero()[0])
    text = (
        f"{int(suspects.sum())} elements that are small relative to the largest are wrong: the one at {index} is "
        f"{float(hand[index]):.6g}, should be {float(true[index]):.6g}"
    )
    return HiddenErrors(text, float((differences / true.abs())[suspects].max()), _HIDDEN)


def compare_along(
    oracle: str,
    hand: Tensor,
    derivative: Derivative,
    tolerance: float,
    noise: Callable[[], Tensor],
    seed: int,
    count: int,
    symmetric: bool = False,
) -> Comparison:
    """Compare all elements of a small gradient, or the products of a large one with `count` random directions.

    One wrong element among many changes every product, but the few products cannot tell which element it is.
    """
    if hand.numel() > _FEW or symmetric:
        directions = random_directions(hand, count, seed)
        if symmetric:
            directions = [(direction + direction.mT) / 2 for direction in directions]
        pairs = [(float((hand * direction).sum()), derivative(direction)) for direction in directions]
        pairs = [(h, t) for h, t in pairs if not math.isnan(t)]
        if pairs:
            # The root mean square estimates the norm of the gradient. math.hypot does not overflow.
            size = math.hypot(*(t for _, t in pairs)) / math.sqrt(len(pairs))
            error = relative(max(math.inf if math.isnan(h) else abs(h - t) for h, t in pairs), size)
            comparison = Comparison(oracle, error, tolerance, len(pairs), count - len(pairs), directions=True)
            if size == 0:
                comparison = replace(comparison, allowed=0.0)
            if comparison.passed or error == math.inf:
                return comparison
            return replace(comparison, allowed=max(comparison.allowed, relative(norm(noise()), size)))
        # A step along all elements at once always meets a kink: compare a sample of single elements.
    true = _elements(hand, _sample(hand.numel(), _FEW, seed), derivative)
    return compare_elements(oracle, hand, true, tolerance, noise)


def locate(hand: Tensor, derivative: Derivative, seed: int) -> Tensor:
    """Return the true gradient, NaN where unknown: of a large tensor, only a sample and one wrong element are known."""
    if hand.numel() <= _SAMPLE:
        return _elements(hand, range(hand.numel()), derivative)
    sample = _sample(hand.numel(), _SAMPLE - 1, seed)
    return _elements(hand, [*sample, _find_wrong_element(hand, derivative, seed)], derivative)


def _elements(like: Tensor, indices: Iterable[int], derivative: Derivative) -> Tensor:
    """Return the derivatives with respect to the elements at these flat indices, NaN elsewhere."""
    result = torch.full_like(like, torch.nan, memory_format=torch.contiguous_format)
    for index in indices:
        direction = torch.zeros_like(result).view(-1)
        direction[index] = 1
        result.view(-1)[index] = derivative(direction.view(like.shape))
    return result


def _find_wrong_element(hand: Tensor, derivative: Derivative, seed: int) -> int:
    """Return the flat index of a wrong element by bisection: keep the half with the larger error."""

    def error(indices: Tensor) -> float:
        direction = torch.zeros_like(hand, memory_format=torch.contiguous_format)
        direction.view(-1)[indices.to(hand.device)] = random_directions(indices, 1, seed)[0].to(hand.device)
        difference = abs(float((hand * direction).sum()) - derivative(direction))
        return -1.0 if math.isnan(difference) else difference

    candidates = torch.arange(hand.numel())
    while len(candidates) > 1:
        candidates = max(candidates.chunk(2), key=error)
    return int(candidates)


def _sample(numel: int, count: int, seed: int) -> list[int]:
    indices: list[int] = torch.randperm(numel, generator=torch.Generator().manual_seed(seed))[:count].tolist()
    return indices


def measure(hand: Tensor, true: Tensor, allowed: float) -> dict[str, Any]:
    """Return the figures of a Verdict, over the elements where `true` is known (not NaN).

    `allowed` is the error, relative to the largest true element, that counts as rounding.
    """
    known = ~true.isnan()
    if not known.any():
        return {}
    h, t = hand.where(known, 0), true.where(known, 0)
    difference = (h - t).abs().nan_to_num(math.inf)
    worst = tuple(int(i) for i in torch.unravel_index(difference.argmax(), difference.shape))
    hand_value, true_value, max_abs = float(h[worst]), float(t[worst]), float(difference[worst])
    nonzero = difference > 0
    product = float((h * t).sum())
    return {
        "max_abs": max_abs,
        "max_rel": float((difference[nonzero] / t[nonzero].abs()).max()) if nonzero.any() else 0.0,
        "ulps": max_abs / math.ulp(true_value) if math.isfinite(true_value) else math.nan,
        "cosine": divided(product, float(h.norm()) * float(t.norm())),
        "scale": divided(product, float((t * t).sum())),
        "worst_index": worst,
        "hand_value": hand_value,
        "true_value": true_value,
        "wrong_share": int((difference > allowed * t.abs().max()).sum()) / int(known.sum()),
    }


def divided(a: float, b: float) -> float:
    """Return a / b, NaN if b is zero."""
    return a / b if b else math.nan


def relative(difference: float, size: float) -> float:
    """Return difference / size, and the difference itself where the size is zero."""
    return difference / size if size > 0 else difference


def norm(tensor: Tensor) -> float:
    """Return the norm without overflow or underflow of the squares."""
    largest = float(tensor.abs().max()) if tensor.numel() else 0.0
    return largest * float((tensor / largest).norm()) if largest > 0 else 0.0


def random_directions(tensor: Tensor, count: int, seed: int) -> list[Tensor]:
    """Return float64 directions with independent standard normal elements, in the shape of a tensor."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(tensor.shape, generator=generator, dtype=torch.float64).to(tensor.device) for _ in range(count)]
