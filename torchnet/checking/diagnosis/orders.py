"""A gradient whose numbers are right and in the wrong order: transposed, shifted, reversed, permuted, exchanged."""

from collections.abc import Iterator
from itertools import combinations

import torch
from torch import Tensor

from torchnet.checking.diagnosis.context import LARGE, Context
from torchnet.checking.reports.report import Diagnosis

_LONGEST = 64  # an axis along which every shift and permutation is tried
_CLEARLY = 1e-2  # a smaller error, relative to the norm, is not one of the order
_MOST_NAMED = 6  # indices in a sentence


def another_order(hand: Tensor, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Recognize the true gradient in another order; the shapes are equal."""
    if hand.numel() < 2 or hand.numel() > LARGE or not hand.isfinite().all() or not true.isfinite().all():
        return
    if float((hand - true).norm()) < _CLEARLY * float(true.norm()):
        return
    for i, j in combinations(range(hand.dim()), 2):
        if hand.shape[i] == hand.shape[j] and context.same(hand.transpose(i, j), true):
            which = (
                "it is the transpose of the true gradient" if hand.dim() == 2 else f"its axes {i} and {j} are exchanged"
            )
            yield Diagnosis("transposed", which)
        if hand.shape[i] == hand.shape[j] and context.same((hand + hand.transpose(i, j)) / 2, true):
            yield Diagnosis(
                "transposed", f"it is not symmetric in axes {i} and {j}: the mean of it and its transpose is right"
            )
        moved = true.transpose(i, j).reshape(true.shape)
        if hand.dim() > 1 and context.same(hand, moved):
            yield Diagnosis(
                "transposed", f"its axes {i} and {j} are exchanged, then it is reshaped: transpose, do not reshape"
            )
    for axis, size in enumerate(hand.shape):
        if 1 < size <= _LONGEST:
            yield from _along(axis, size, hand, true, context)
    sorted_hand, sorted_true = hand.flatten().sort().values, true.flatten().sort().values
    if context.same(sorted_hand, sorted_true):
        yield Diagnosis(
            "permuted", "it has the numbers of the true gradient in another order: is it permuted, or reshaped wrongly?"
        )


def _along(axis: int, size: int, hand: Tensor, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    where = f"along axis {axis}" if hand.dim() > 1 else ""
    for sign, text in ((1, ""), (-1, " with the opposite sign")):
        h = sign * hand
        if context.same(h, true.flip(axis)):
            yield Diagnosis("permuted", f"it is the true gradient{text} reversed {where}: the order is flipped")
        if size % 2 == 0 and size > 2 and context.same(h, true.roll(size // 2, axis)):
            yield Diagnosis("permuted", f"the two halves of the true gradient{text} {where} are exchanged")
        for shift in range(1, size):
            if context.same(h, true.roll(shift, axis)):
                steps = shift if shift <= size // 2 else shift - size
                yield Diagnosis("permuted", f"it is the true gradient{text} shifted (rolled) by {steps} {where}")
    for shift in (1, -1):
        # Shifted without wrapping around: all but the border agrees.
        inner = slice(max(shift, 0), size + min(shift, 0))
        outer = slice(max(-shift, 0), size - max(shift, 0))
        a, b = hand.movedim(axis, 0)[inner], true.movedim(axis, 0)[outer]
        if size > 2 and context.same(a, b) and not context.same(a, true.movedim(axis, 0)[inner]):
            yield Diagnosis("permuted", f"it is the true gradient shifted by {shift} {where}: off by one")
    order = _permutation(hand.movedim(axis, 0).reshape(size, -1), true.movedim(axis, 0).reshape(size, -1), context)
    if order is not None:
        moved = [i for i in range(size) if order[i] != i]
        if size == 2 or len(moved) == 2:
            yield Diagnosis("permuted", f"the slices {moved[0]} and {moved[1]} {where} are exchanged")
        yield Diagnosis(
            "permuted",
            f"{_blocks(order, size)}it is the true gradient permuted {where}: index {_first(moved)} has that "
            f"of {_first([order[i] for i in moved])}",
        )


def _permutation(hand: Tensor, true: Tensor, context: Context) -> list[int] | None:
    """Return which row of the true gradient each row is equal to, if it is a permutation other than the identity."""
    distances = torch.cdist(hand, true)
    nearest = distances.argmin(dim=1)
    order: list[int] = nearest.tolist()
    if sorted(order) != list(range(len(order))) or order == sorted(order):
        return None
    return order if context.same(hand, true[nearest]) else None


def _blocks(order: list[int], size: int) -> str:
    """Say that whole blocks, such as the gates of a recurrent cell, are exchanged."""
    for count in (2, 3, 4, 6, 8):
        if size % count == 0 and size > count:
            width = size // count
            starts = [order[i * width] for i in range(count)]
            whole = all(order[i * width + k] == starts[i] + k for i in range(count) for k in range(width))
            if whole and all(start % width == 0 for start in starts):
                blocks = [start // width for start in starts]
                moved = [i for i in range(count) if blocks[i] != i]
                return f"of its {count} blocks (gates, heads or halves) the blocks {_first(moved)} are exchanged; "
    return ""


def _first(indices: list[int]) -> str:
    return ", ".join(map(str, indices[:_MOST_NAMED])) + (", ..." if len(indices) > _MOST_NAMED else "")
