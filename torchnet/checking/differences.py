"""Central differences and the Taylor test: what the values of the function alone say about its gradient."""

import math
from itertools import pairwise

import torch
from torch import Tensor

from torchnet.checking.rounding import rounded_otherwise
from torchnet.checking.subject import Outputs, Subject, copies

_ROWS = 10
_FIRST_STEP = 0.05  # of the size of the numbers that are moved
_KINK = 0.75  # between 1/2, by which a smooth function's asymmetry falls when the step is halved, and 1, a kink's


class Line:
    """The outputs of the subject along a direction of one tensor: t -> forward(tensor + t · direction)."""

    def __init__(self, subject: Subject, grad_outputs: Outputs, name: str, direction: Tensor, rounding: float) -> None:
        self._subject, self._grad_outputs, self.rounding = subject, grad_outputs, rounding
        self._name, self._direction = name, direction
        size = float(subject.tensors[name].abs().mean())
        # A step of 1 along the direction moves no number by more than 1, or than its usual size.
        self.scale = (min(size, 1.0) if size > 0 else 1.0) / float(direction.abs().max())
        self.start = self.at(0.0)

    def at(self, t: float) -> Outputs:
        tensors = copies(self._subject.tensors)
        tensors[self._name] += t * self._direction
        return self._subject.forward(tensors)

    def change(self, a: Outputs, b: Outputs) -> float:
        """Return Σ (a - b) · grad_outputs."""
        return change(a, b, self._grad_outputs)


def change(a: Outputs, b: Outputs, grad_outputs: Outputs) -> float:
    """Return Σ (a - b) · grad_outputs; the outputs are subtracted first, where most of their digits cancel."""
    return sum(float(((x - y) * g).sum()) for x, y, g in zip(a, b, grad_outputs, strict=True))


def rounding_of(subject: Subject, grad_outputs: Outputs) -> float:
    """Return how far off rounding may put a change of the outputs."""
    outputs = subject.forward(copies(subject.tensors))
    at_the_end = sum(float((x * g).abs().sum()) for x, g in zip(outputs, grad_outputs, strict=True))
    on_the_way = [
        abs(change(moved, outputs, grad_outputs))
        for moved in rounded_otherwise(lambda: subject.forward(copies(subject.tensors)), torch.float64, share=1)
    ]
    return max(4 * torch.finfo(torch.float64).eps * at_the_end, *on_the_way)


def central_difference(line: Line, tolerance: float) -> float:
    """Return the derivative along the line, NaN if a kink is within reach.

    Central differences (f(t) - f(-t)) / 2t for a sequence of halved steps are extrapolated to t = 0 in a table, of
    which the entry with the smallest estimated error counts: Ridders' method, Richardson's extrapolation of every
    order. It cannot see a kink right at t = 0, where the slopes to the left and right differ but their mean does not
    change with t; the asymmetry f(t) - 2 f(0) + f(-t), which falls as t² where f is smooth, then falls as t only.

    Source: Ridders 1982, "Accurate computation of F'(x) and F'(x) F''(x)".
    """
    row: list[float] = []
    best, error = math.nan, math.inf
    asymmetries: list[tuple[float, float]] = []  # with the step
    for k in range(_ROWS):
        t = line.scale * _FIRST_STEP / 2**k
        ahead, behind = line.at(t), line.at(-t)
        asymmetry = line.change(ahead, line.start) + line.change(behind, line.start)
        asymmetries.append((t, abs(asymmetry) / t))
        above, row = row, [line.change(ahead, behind) / (2 * t)]
        for j in range(1, k + 1):
            row.append((4**j * row[j - 1] - above[j - 1]) / (4**j - 1))
            estimate = max(abs(row[j] - row[j - 1]), abs(row[j] - above[j - 1]))
            if estimate < error:
                best, error = row[j], estimate
    if _has_kink(asymmetries, line.rounding):
        return math.nan
    magnitude = max(abs(best), line.rounding / line.scale / tolerance)
    return best if error <= tolerance * magnitude else math.nan


def _has_kink(asymmetries: list[tuple[float, float]], rounding: float) -> bool:
    meaningful = [asymmetry for t, asymmetry in asymmetries if asymmetry > 100 * rounding / t]
    return len(meaningful) >= 2 and meaningful[-1] > _KINK * meaningful[-2]


def taylor_slope(line: Line, slope: float, noise: float = 0.0) -> float | None:
    """Return how fast the remainder |f(t) - f(0) - t · slope| falls with t: as t² if the slope is the derivative.

    With a wrong slope a term in t remains, however small the mistake, and for small t it dominates. No tolerance is
    needed to tell 2 from 1.

    Args:
        line: where f is.
        slope: f'(0), by the gradient in question.
        noise: how far off rounding may put the slope.

    Returns:
        The power of t; infinity where the remainder is nothing but rounding, as for a linear function, and None where a
        kink at t = 0 leaves no derivative to speak of.
    """
    rounding = line.rounding
    remainders: list[float] = []
    asymmetries: list[tuple[float, float]] = []
    for k in range(26):
        t = line.scale / 2 ** (k + 3)
        ahead, behind = line.change(line.at(t), line.start), line.change(line.at(-t), line.start)
        remainder = max(abs(ahead - t * slope), abs(behind + t * slope))
        remainders.append(max(remainder, rounding, torch.finfo(torch.float64).tiny))
        asymmetries.append((t, abs(ahead + behind) / t))
        if remainder <= 100 * (rounding + torch.finfo(torch.float64).eps * abs(t * slope)) + t * noise:
            break
    if len(remainders) < 2:
        return math.inf
    if _has_kink(asymmetries, rounding):
        return None
    # The last ones, where the smallest power of t rules. The largest of them: where kinks further away are crossed, a
    # right slope's remainder falls in jumps, a wrong one's steadily by half.
    return max(math.log2(a / b) for a, b in pairwise(remainders[-4:]))
