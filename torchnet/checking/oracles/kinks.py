"""Kinks: where the slopes to the left and to the right differ, any value between them is a right gradient."""

import torch
from torch import Tensor

from torchnet.checking.oracles.differences import OutOfDomainError
from torchnet.checking.oracles.oracles import Oracles

_MOST = 64  # elements at kinks; of more, another convention is no accident
_STEP = 1e-7  # of one-sided differences, relative to Line.scale
_CLOSE = 1e-4  # of slopes, relative to the largest


def right_at_kinks(oracles: Oracles, name: str, hand: Tensor, true: Tensor) -> Tensor | None:
    """Return the elements where a gradient differs from autograd's because of a kink, and is right all the same.

    None if it differs anywhere else. Along each of these elements the derivative by the gradient must be between
    the slopes to the left and to the right. Along all that are equal, as in a tie for a maximum, the function may be
    smooth: then it must be the slope.
    """
    differs = (hand - true).abs() > 1e-9 * float(true.abs().max())
    count = int(differs.sum())
    if not 0 < count <= _MOST or not hand.isfinite().all():
        return None
    directions = []
    for index in differs.nonzero():
        direction = torch.zeros_like(true)
        direction[tuple(index)] = 1
        directions.append(direction)
    if not all(_is_right(oracles, name, hand, direction, single=True) for direction in directions):
        return None
    x = oracles.subject.tensors[name]
    ties = [(differs & (x == value)).to(true.dtype) for value in x[differs].unique()]
    together = [differs.to(true.dtype), *ties]
    return differs if all(_is_right(oracles, name, hand, d, single=False) for d in together) else None


def _is_right(oracles: Oracles, name: str, hand: Tensor, direction: Tensor, single: bool) -> bool:
    line = oracles.line({name: direction})
    t = _STEP * line.scale
    try:
        ahead, behind = line.change(line.at(t), line.start) / t, -line.change(line.at(-t), line.start) / t
    except OutOfDomainError:
        return False
    along = float((hand * direction).sum())
    close = _CLOSE * max(abs(ahead), abs(behind), abs(along))
    if abs(ahead - behind) <= 2 * close:  # smooth
        return not single and abs(along - ahead) <= 2 * close
    return not single or min(ahead, behind) - close <= along <= max(ahead, behind) + close
