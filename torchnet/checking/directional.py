"""Oracles that give the derivative along one direction at a time, and what can be learned of a tensor from them."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from torchnet.checking.verdict import Comparison, compare_directions, compare_elements, norm, random_directions

Derivative = Callable[[Tensor], float]  # direction, in the shape of the tensor -> derivative, NaN if it has none

_FEW = 16  # elements: so many are compared one by one, more by random directions
_DIRECTIONS = 8
_SAMPLE = 256  # elements of a large tensor that are looked at to tell what is wrong with it


def compare_along(
    oracle: str, hand: Tensor, derivative: Derivative, tolerance: float, noise: Callable[[], Tensor], seed: int
) -> Comparison:
    """Compare all elements of a small gradient; of a large one, its products with random directions.

    One wrong element among many changes every product: what the few directions cannot do is tell which it is.

    Args:
        oracle: its name.
        hand: the hand-written gradient.
        derivative: the oracle.
        tolerance: the relative error that is allowed.
        noise: gives how far rounding alone moves each element; asked only if the tolerance is exceeded.
        seed: of the directions.
    """
    if hand.numel() > _FEW:
        directions = random_directions(hand, _DIRECTIONS, seed)
        slopes = [derivative(direction) for direction in directions]
        if not all(math.isnan(slope) for slope in slopes):
            products = [float((hand * direction).sum()) for direction in directions]
            return _with_noise(
                lambda n: compare_directions(oracle, products, slopes, tolerance, n), lambda: norm(noise())
            )
        # A step along all elements at once meets a kink: some of them, one by one.
    true = elements(hand, _at_random(hand.numel(), _FEW, seed), derivative)
    return _with_noise(lambda n: compare_elements(oracle, hand, true, tolerance, n), lambda: float(noise().max()))


def _with_noise(compare: Callable[[float], Comparison], noise: Callable[[], float]) -> Comparison:
    comparison = compare(0.0)
    return comparison if comparison.passed else compare(noise())


def elements(like: Tensor, indices: Iterable[int], derivative: Derivative) -> Tensor:
    """Return the derivatives by the elements at these flat indices, NaN elsewhere."""
    result = torch.full_like(like, torch.nan, memory_format=torch.contiguous_format)
    for index in indices:
        direction = torch.zeros_like(result).view(-1)
        direction[index] = 1
        result.view(-1)[index] = derivative(direction.view(like.shape))
    return result


def locate(hand: Tensor, derivative: Derivative, seed: int) -> Tensor:
    """Return the true gradient at all elements, or at a sample of many and where the hand-written one is wrong."""
    if hand.numel() <= _SAMPLE:
        return elements(hand, range(hand.numel()), derivative)
    sample = _at_random(hand.numel(), _SAMPLE - 1, seed)
    return elements(hand, [*sample, _a_wrong_one(hand, derivative, seed)], derivative)


def _a_wrong_one(hand: Tensor, derivative: Derivative, seed: int) -> int:
    """Return the index of a wrong element: of the elements, always keep the half with the larger mistake."""

    def mistake(indices: Tensor) -> float:
        direction = torch.zeros_like(hand, memory_format=torch.contiguous_format)
        direction.view(-1)[indices.to(hand.device)] = random_directions(indices, 1, seed)[0].to(hand.device)
        difference = abs(float((hand * direction).sum()) - derivative(direction))
        return -1.0 if math.isnan(difference) else difference

    candidates = torch.arange(hand.numel())
    while len(candidates) > 1:
        candidates = max(candidates.chunk(2), key=mistake)
    return int(candidates)


def _at_random(numel: int, count: int, seed: int) -> list[int]:
    indices: list[int] = torch.randperm(numel, generator=torch.Generator().manual_seed(seed))[:count].tolist()
    return indices
