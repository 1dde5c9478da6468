"""Where a gradient is wrong: in some slices of an axis, and what these have in common with the inputs."""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from torchnet.checking.diagnosis.context import LARGE, Context
from torchnet.checking.reports.report import Diagnosis

_MOST_NAMED = 8  # indices in a sentence
_ADD = "whose contributions have to be added up"
_PARTS = {2: "half", 3: "third", 4: "quarter"}
_ORDINALS = {1: "second", 2: "third"}


def wrong_elements(hand: Tensor, true: Tensor, context: Context) -> Tensor:
    """Return which elements are wrong: off by more than rounding, relative to the largest."""
    difference = (hand - true).abs().nan_to_num(0, posinf=torch.inf)
    limit = max(1e-10, 4 * context.accuracy)
    return difference > limit * true.abs().nan_to_num(0, 0, 0).max()


def one_place(hand: Tensor, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Recognize that one element, or one index of an axis, is wrong."""
    wrong = wrong_elements(hand, true, context)
    count = int(wrong.sum())
    if count in (0, wrong.numel()):
        return
    tie = _ties(wrong, context)
    tie = f": {tie}" if tie else ""
    if count == 1 and wrong.numel() > 2:
        index = tuple(int(i) for i in wrong.nonzero()[0])
        yield Diagnosis("one element", f"only the element at {index} is wrong{_zero(wrong, hand, true)}{tie}")
    for axis, size in enumerate(wrong.shape):
        rows = _indices(wrong, axis)
        if size > 2 and len(rows) == 1 and 2 * count > wrong.select(axis, rows[0]).numel():
            place = f"{_range(rows, size)} of axis {axis}"
            yield Diagnosis("one slice", f"only {place} is wrong{_zero(wrong, hand, true)}{tie}")


def places(name: str, hand: Tensor, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Say where a gradient is wrong, if it is right elsewhere."""
    wrong = wrong_elements(hand, true, context)
    count = int(wrong.sum())
    if count in (0, wrong.numel()):
        return
    zero = _zero(wrong, hand, true)
    if tie := _ties(wrong, context):
        yield Diagnosis("some slices", f"it is wrong only at {tie}{zero}")
    if condition := _condition(name, wrong, hand, true, context):
        yield Diagnosis("some elements", f"it is wrong only {condition}{zero}")
    if place := _slices(wrong):
        yield Diagnosis("some slices", f"it is wrong only at {place}{zero}")
    axes = [axis for axis in range(wrong.dim()) if len(_indices(wrong, axis)) < wrong.shape[axis]]
    if axes:
        parts = [f"{_range(_indices(wrong, axis), wrong.shape[axis])} of axis {axis}" for axis in axes]
        yield Diagnosis("some slices", f"it is wrong only in {' and '.join(parts)}{zero}")


def _zero(wrong: Tensor, hand: Tensor, true: Tensor) -> str:
    """Say that the wrong elements are zero, or should be."""
    if not hand[wrong].any():
        return " (it is zero there)"
    return " (it should be zero there)" if not true[wrong].any() else ""


def _slices(wrong: Tensor) -> str:
    """Return the indices along one axis that are wrong, if everything wrong is there and most of what is there is."""
    best: tuple[float, str] = (0.0, "")
    for axis, size in enumerate(wrong.shape):
        indices = _indices(wrong, axis)
        if not 0 < len(indices) < size:
            continue
        inside = wrong.index_select(axis, torch.tensor(indices, device=wrong.device))
        share = float(inside.double().mean())
        text = f"{_range(indices, size)} of axis {axis}"
        best = max(best, (share - 0.001 * len(indices) / size, text))
    return best[1] if best[0] > 0.4 else ""


def _indices(wrong: Tensor, axis: int) -> list[int]:
    others = [i for i in range(wrong.dim()) if i != axis]
    indices: list[int] = (wrong.any(dim=others) if others else wrong).nonzero().flatten().tolist()
    return indices


def _range(indices: list[int], size: int) -> str:
    """Describe indices: one, a range, every second one, a list."""
    first, last, count = indices[0], indices[-1], len(indices)
    if count == 1:
        where = {0: " (the first)", size - 1: " (the last)"}.get(first, "")
        return f"index {first}{where}"
    if last - first + 1 == count:
        part = ""
        for parts, one in _PARTS.items():
            if count * parts == size and first % count == 0:
                which = {0: "first", parts - 1: "last"}.get(first // count, _ORDINALS.get(first // count, "one"))
                part = f", the {which} {one}"
        if not part and last == size - 1:
            part = ", the last ones"
        if not part and first == 0:
            part = ", the first ones"
        return f"indices {first} to {last} of {size}{part}"
    steps = {b - a for a, b in pairwise(indices)}
    if len(steps) == 1 and count > 2:
        listed = ", ".join(map(str, indices[:_MOST_NAMED])) + (", ..." if count > _MOST_NAMED else "")
        return f"indices {listed}, every {min(steps)}th"
    listed = ", ".join(map(str, indices[:_MOST_NAMED])) + (", ..." if count > _MOST_NAMED else "")
    return f"indices {listed}"


def _ties(wrong: Tensor, context: Context) -> str:
    """Connect wrong slices with an integer or boolean input: repeated ids, a padding id, masked rows."""
    for axis, size in enumerate(wrong.shape):
        indices = set(_indices(wrong, axis))
        if not 0 < len(indices) < size:
            continue
        rows = ", ".join(map(str, sorted(indices)[:_MOST_NAMED]))
        for name, x in context.subject.constants.items():
            if x.is_floating_point() or x.numel() == 0:
                continue
            if x.dtype == torch.bool:
                if x.dim() == 1 and len(x) == size:
                    for value in (True, False):
                        if set((x == value).nonzero().flatten().tolist()) == indices:
                            return f"indices {rows} of axis {axis}: where {name} is {value}"
                continue
            ids, counts = x.flatten().unique(return_counts=True)
            inside = {int(i) for i in ids if 0 <= int(i) < size}
            repeated = {int(i) for i, n in zip(ids, counts, strict=True) if n > 1 and 0 <= int(i) < size}
            if indices == repeated:
                return f"indices {rows} of axis {axis}: the repeated values of {name}, {_ADD}"
            if x.dim() == 1 and len(x) == size:
                for i in ids.tolist():
                    if set((x == i).nonzero().flatten().tolist()) == indices:
                        return f"indices {rows} of axis {axis}: where {name} is {i}"
                    if set((x != i).nonzero().flatten().tolist()) == indices:
                        return f"indices {rows} of axis {axis}: where {name} is not {i}"
            if indices == inside:
                return f"indices {rows} of axis {axis}: the values of {name}"
            if indices == set(range(size)) - inside:
                return f"indices {rows} of axis {axis}: those that are no values of {name}"
            if indices <= repeated:
                return f"indices {rows} of axis {axis}: some of the repeated values of {name}, {_ADD}"
            if len(indices) == 1 and indices <= inside:
                return f"index {rows} of axis {axis}: a value of {name}"
    return ""


def _condition(name: str, wrong: Tensor, hand: Tensor, true: Tensor, context: Context) -> str:
    """Return a condition on a tensor of the passes that tells the wrong elements from the right ones."""
    if wrong.numel() > LARGE:
        return ""
    # Where the gradient is zero whatever happens, an element cannot tell.
    telling = wrong | (true != 0) | (hand != 0)
    for condition, where in _conditions(name, wrong, context):
        try:
            region = where.broadcast_to(wrong.shape)
        except RuntimeError:
            continue
        if bool((region[telling] == wrong[telling]).all()):
            return condition
    return ""


def _conditions(name: str, wrong: Tensor, context: Context) -> Iterator[tuple[str, Tensor]]:
    subject = context.subject
    own = {name: subject.tensors[name]} if name in subject.tensors else {}
    for other, x in subject.constants.items():
        if x.dtype == torch.bool:
            for shaped, text in ((x, ""), (x.reshape(*x.shape, *[1] * max(wrong.dim() - x.dim(), 0)), "")):
                yield f"where {other} is False{text}", ~shaped
                yield f"where {other} is True{text}", shaped
    if wrong.dim() >= 2 and wrong.shape[-1] == wrong.shape[-2]:
        ones = torch.ones(wrong.shape[-2:], dtype=torch.bool, device=wrong.device)
        yield "above the diagonal", ones.triu(1)
        yield "below the diagonal", ones.tril(-1)
        yield "on the diagonal", ones.tril() & ones.triu()
        yield "off the diagonal", ~(ones.tril() & ones.triu())
        yield "on and above the diagonal", ones.triu()
        yield "on and below the diagonal", ones.tril()
    outputs = {"output": context.outputs[0]} if len(context.outputs) == 1 else {}
    floats = {n: x for n, x in (subject.tensors | subject.constants).items() if x.is_floating_point()}
    for other, x in (own | outputs | floats).items():
        if x.numel() < 2:
            continue
        yield f"where {other} is negative", x < 0
        yield f"where {other} is positive", x > 0
        yield f"where {other} is zero", x == 0
        yield f"where {other} is not zero", x != 0
        yield f"where {other} is at most zero", x <= 0
        yield f"where {other} is at least zero", x >= 0
        if x.shape == wrong.shape:
            yield from _thresholds(other, x, wrong)
            if x.dim() > 0:
                yield f"where {other} is the largest along axis {x.dim() - 1}", x == x.amax(-1, keepdim=True)
            values, inverse, counts = x.unique(return_inverse=True, return_counts=True)
            if len(values) < x.numel():
                yield f"where values of {other} are equal: ties", (counts > 1)[inverse]


def _thresholds(name: str, x: Tensor, wrong: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield the conditions that x, or its absolute value, is above or below a number, or between two."""
    if not wrong.any() or wrong.all():
        return
    for text, values in ((name, x), (f"|{name}|", x.abs())):
        inside, outside = values[wrong], values[~wrong]
        low, high = float(inside.min()), float(inside.max())
        if low > float(outside.max()):
            yield f"where {text} is above {float(outside.max()):.4g}", wrong
        elif high < float(outside.min()):
            yield f"where {text} is below {float(outside.min()):.4g}", wrong
        elif int(wrong.sum()) > 2 and not ((outside >= low) & (outside <= high)).any():
            yield f"where {text} is between {low:.4g} and {high:.4g}", wrong
