"""Central differences and the Taylor test as oracles: they need only values of the forward pass."""

import math
from functools import cache
from itertools import pairwise

import torch
from torch import Tensor

from torchnet.checking.subjects.subject import Outputs, Subject, Tensors, copies

_ROWS = 10  # of Ridders' table
_FIRST_STEP = 0.05  # relative to Line.scale
_OF_LARGE = 1e-4  # of elements far larger than 1
_STEPS, _TAIL = 26, 4  # of the Taylor test: halved steps, and how many of the last ones decide
_KINK = 0.75  # halving the step t scales asymmetry / t by 1/2 if the function is smooth, by 1 if it has a kink


class OutOfDomainError(Exception):
    """The forward refuses the inputs, such as a position outside of a table."""


class Line:
    """The outputs along a direction: t -> forward(tensors + t · directions).

    Attributes:
        rounding: how far rounding can move a change of the outputs (rounding.rounding_of).
        scale: the largest sensible step: it moves no element by more than 1, or by more than the mean absolute element;
            very large elements by a small part of it.
        start: the outputs at t = 0.
    """

    def __init__(self, subject: Subject, grad_outputs: Outputs, directions: Tensors, rounding: float) -> None:
        self._subject, self._grad_outputs, self._directions, self.rounding = subject, grad_outputs, directions, rounding
        self.scale = min((_scale(subject.tensors[name], d) for name, d in directions.items()), default=1.0)
        self.start = self.at(0.0)

    def at(self, t: float) -> Outputs:
        """Return the outputs at t; raise OutOfDomainError if the forward refuses it."""
        tensors = copies(self._subject.tensors)
        for name, direction in self._directions.items():
            tensors[name] += t * direction
        try:
            return self._subject.forward(tensors)
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            raise OutOfDomainError from error

    def change(self, a: Outputs, b: Outputs) -> float:
        """Return Σ (a - b) · grad_outputs."""
        return change(a, b, self._grad_outputs)


def _scale(x: Tensor, direction: Tensor) -> float:
    if not x.numel():
        return 1.0
    size, longest = float(x.abs().nan_to_num(0, 0, 0).mean()), float(direction.abs().max())
    return max(min(size, 1.0) if size > 0 else 1.0, _OF_LARGE * size) / (longest if longest > 0 else 1.0)


def change(a: Outputs, b: Outputs, grad_outputs: Outputs) -> float:
    """Return Σ (a - b) · grad_outputs; subtracting the outputs first keeps the digits that differ."""
    # Where both are equal, Inf too, as in a masked score, nothing changes.
    return sum(float((torch.where(x == y, 0.0, x - y) * g).sum()) for x, y, g in zip(a, b, grad_outputs, strict=True))


def central_difference(line: Line, tolerance: float) -> float:
    """Return the derivative along the line, NaN if a kink is too close.

    Central differences (f(t) - f(-t)) / 2t for a sequence of halved steps are extrapolated to t = 0 in a table, and the
    entry with the smallest estimated error is used: Ridders' method, Richardson's extrapolation of every order. It
    cannot see a kink at t = 0 exactly, where the slopes to the left and right differ but their mean does not change
    with t. The asymmetry f(t) - 2 f(0) + f(-t) can: it falls as t² where f is smooth, as t at a kink.

    Source: Ridders 1982, "Accurate computation of F'(x) and F'(x) F''(x)".
    """
    row: list[float] = []
    best, error = math.nan, math.inf
    asymmetries: list[tuple[float, float]] = []  # (step, asymmetry)
    for k in range(_ROWS):
        t = line.scale * _FIRST_STEP / 2**k
        try:
            ahead, behind = line.at(t), line.at(-t)
        except OutOfDomainError:
            row = []  # the table starts at the first step within the domain
            continue
        asymmetry = line.change(ahead, line.start) + line.change(behind, line.start)
        asymmetries.append((t, abs(asymmetry)))
        above, row = row, [line.change(ahead, behind) / (2 * t)]
        for j in range(1, len(above) + 1):
            row.append((4**j * row[j - 1] - above[j - 1]) / (4**j - 1))
            estimate = max(abs(row[j] - row[j - 1]), abs(row[j] - above[j - 1]))
            if estimate < error:
                best, error = row[j], estimate
    if _has_kink(asymmetries, line.rounding):
        return math.nan
    magnitude = max(abs(best), line.rounding / line.scale / tolerance)
    return best if error <= tolerance * magnitude else math.nan


def is_at_kink(line: Line) -> bool:
    """Whether the outputs have a kink at t = 0: the slopes to the left and to the right differ."""
    asymmetries = []
    for k in range(_ROWS):
        t = line.scale * _FIRST_STEP / 2**k
        try:
            ahead, behind = line.at(t), line.at(-t)
        except OutOfDomainError:
            continue
        asymmetries.append((t, abs(line.change(ahead, line.start) + line.change(behind, line.start))))
    return _has_kink(asymmetries, line.rounding)


def _has_kink(asymmetries: list[tuple[float, float]], rounding: float) -> bool:
    meaningful = [asymmetry / t for t, asymmetry in asymmetries if asymmetry > 100 * rounding]
    return len(meaningful) >= 2 and meaningful[-1] > _KINK * meaningful[-2]


def taylor_slope(line: Line, slope: float, noise: float = 0.0) -> float | None:
    """Return the power of t with which the remainder |f(t) - f(0) - t · slope| falls: 2 if the slope is the derivative.

    With a wrong slope a term in t remains, and dominates for small t however small the error is. So 2 and 1 can be
    told apart without a tolerance. `noise` is how far rounding can move the slope. The power is infinity if the
    remainder is only rounding, as for a linear function, and None if f has a kink at t = 0 and therefore no derivative.
    """
    rounding, tiny = line.rounding, torch.finfo(torch.float64).tiny

    @cache
    def at_step(k: int) -> tuple[float, float, float, bool] | None:
        """Return step, remainder and asymmetry, and whether the remainder is only rounding."""
        t = line.scale / 2 ** (k + 3)
        try:
            ahead, behind = line.change(line.at(t), line.start), line.change(line.at(-t), line.start)
        except OutOfDomainError:
            return None
        remainder = max(abs(ahead - t * slope), abs(behind + t * slope))
        negligible = 100 * (rounding + torch.finfo(torch.float64).eps * abs(t * slope)) + t * noise
        return t, max(remainder, rounding, tiny), abs(ahead + behind), remainder <= negligible

    # Only the steps before the remainder becomes rounding matter. They are looked for in strides.
    found = next((k for k in range(0, _STEPS, _TAIL) if (step := at_step(k)) and step[3]), None)
    first, last = 0, _STEPS - 1
    if found is not None:
        last = next(k for k in range(max(0, found - _TAIL + 1), found + 1) if (step := at_step(k)) and step[3])
        first = max(0, last - _TAIL + 1)
    done = [step for k in range(first, last + 1) if (step := at_step(k))]
    remainders = [remainder for _, remainder, _, _ in done]
    if not remainders:
        return None
    if len(remainders) < 2:
        return math.inf
    if _has_kink([(t, asymmetry) for t, _, asymmetry, _ in done], rounding):
        return None
    # The last remainders, where the smallest power of t dominates. Of these the largest power: steps across distant
    # kinks make the remainder of a right slope fall irregularly, that of a wrong slope falls steadily by half.
    return max(math.log2(a / b) for a, b in pairwise(remainders[-_TAIL:]))
