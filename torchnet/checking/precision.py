"""Gradients in the subject's own dtype: as precise as those of autograd in the same dtype, or of a reference.

The true gradients are those in float64 at the same values. How much error is fair is what autograd makes in the smaller
dtype, over several random roundings.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from torchnet.checking.compare import Comparison, Precision, relative
from torchnet.checking.oracles.autograd import NoOracleError, autograd
from torchnet.checking.reports.report import Diagnosis, Verdict
from torchnet.checking.rounding import moved_by_an_ulp, randomly_rounded
from torchnet.checking.subjects.subject import Gradients, Outputs, Subject, Tensors, at_dtype

_UNUSABLE = 0.5  # autograd's relative error in a smaller dtype above which it cannot set a tolerance
_ZERO = 1e-6  # a true gradient below this multiple of autograd's norm is zero: autograd's gradient is all rounding
_MARGIN_OF_ZERO = 100  # for such a gradient, the allowed multiple of autograd's rounding
_TRULY_ZERO = 1e-9  # a gradient below this multiple of the largest one is zero
_MANY_DIGITS = 1e-5  # eps of a dtype in which a mistake is far larger than rounding
_FLOOR = 8  # in such a dtype, the error that is always allowed, in units of eps
_SLACK = 8  # the multiple of a fair error that is allowed at inputs that were not given
_COARSE = 4  # the allowed error of differences, in units of a third of the digits
_SAMPLE = 16  # elements of which they are taken
_MARGIN = 10  # of the error of one element, as a multiple of the spread over several roundings


def precision_of(subject: Subject, grad_outputs: Outputs, written: Gradients) -> dict[str, Precision]:
    """Return the precision of each gradient that has the shape of its tensor; all arguments are in the same dtype.

    Raises NoOracleError if autograd does not apply, or is too imprecise in this dtype to set a tolerance.
    """
    dtype = max((tensor.dtype for tensor in subject.tensors.values()), key=lambda dtype: torch.finfo(dtype).eps)
    by_autograd = partial(autograd, subject, grad_outputs)
    truth = autograd(at_dtype(subject, torch.float64), tuple(grad.double() for grad in grad_outputs))
    in_own_dtype = by_autograd()
    own, errors = _errors(in_own_dtype, truth), _errors(written, truth)
    # A gradient may be zero, such as that of a bias before a batch norm, which subtracts it: only rounding remains.
    zeros = {name for name, grad in in_own_dtype.items() if float(truth[name].norm()) < _ZERO * float(grad.norm())}
    if any(error > _UNUSABLE for name, error in own.items() if name not in zeros):
        raise NoOracleError(
            f"in {dtype} autograd itself is far from the float64 gradient, or the forward draws other random numbers"
        )
    for runs in (8, 40):
        if all(error <= 2 * own[n] * (_MARGIN_OF_ZERO if n in zeros else 1) for n, error in errors.items()):
            break
        # A single run of autograd may be precise by chance: use the largest error over several roundings.
        rounded = randomly_rounded(by_autograd, dtype, share=1 / 8, runs=runs)
        for moved in (*rounded, *_at_moved_inputs(subject, grad_outputs, dtype, runs)):
            own = {name: max(error, own[name]) for name, error in _errors(moved, truth).items()}
    own |= {name: _MARGIN_OF_ZERO * own[name] for name in zeros}
    name_of_dtype = str(dtype).removeprefix("torch.")
    return {name: Precision(name_of_dtype, error, own[name]) for name, error in errors.items()}


def _at_moved_inputs(subject: Subject, grad_outputs: Outputs, dtype: torch.dtype, runs: int) -> Iterator[Tensors]:
    """Yield autograd's gradients at inputs moved by a unit in the last place, which any computation may round them to.

    In a dtype with few digits that is much: there the roundings within the computation are enough.
    """
    if torch.finfo(dtype).eps < _MANY_DIGITS:
        for seed in range(runs):
            tensors = {name: moved_by_an_ulp(x, seed) for name, x in subject.tensors.items()}
            yield autograd(replace(subject, tensors=tensors), grad_outputs)


def with_precision(verdict: Verdict, precisions: dict[str, Precision], written: Gradients) -> Verdict:
    """Return a verdict of the float64 check with the precision in the subject's own dtype."""
    precision = precisions.get(verdict.name)  # None if the gradient is missing, or of another shape
    if verdict.kinks or not verdict.passed or (precision.passed if precision else not verdict.written):
        return replace(verdict, precision=precision)
    if precision is None:
        what = "missing" if written.get(verdict.name) is None else "of another shape than its tensor"
        diagnosis = Diagnosis("missing", f"right in float64; in its own dtype it is {what}")
    else:
        diagnosis = Diagnosis(
            "rounding",
            f"right in float64; in {precision.dtype} its error is {precision.error:.1e} of its norm, autograd's at "
            f"most {precision.autograd_error:.1e}: is something computed, summed or stored with fewer digits?",
        )
    return replace(verdict, passed=False, precision=precision, diagnosis=diagnosis)


@dataclass(frozen=True)
class Yardstick:
    """The true value of a tensor in float64, and the error that a kernel may make in a smaller dtype.

    Attributes:
        true: the value.
        fair: the norm of the error of the reference in that dtype.
        allowed: the norm of the allowed error.
        spread: the allowed error of each element.
    """

    true: Tensor
    fair: float
    allowed: float
    spread: Tensor

    @property
    def size(self) -> float:
        """The norm of the value, without Inf."""
        return float(self.true.nan_to_num(0, 0, 0).norm())

    def compare(self, oracle: str, hand: Tensor, tolerance: Callable[[float], float]) -> Comparison:
        """Compare a tensor in the smaller dtype: the norm of its error, then each element."""
        true, count, size = self.true, self.true.numel(), self.size
        if not count:
            return Comparison(oracle, 0.0, 0.0, 0)
        distance = (hand.double() - true).abs().nan_to_num(torch.inf)
        # Inf in both, as in a masked score, is equal; NaN marks what is not known.
        distance = distance.where(~((hand == true) & true.isinf()) & ~true.isnan(), 0.0)
        error, given = float(distance.norm()), tolerance(float(true.abs().nan_to_num(0, 0, 0).max()))
        allowed = max(relative(self.allowed, size), given)
        if relative(error, size) <= allowed and not given:
            # One wrong element among many hardly moves the norm.
            excess = float((distance / self.spread).max())
            if excess > 1:
                return Comparison(oracle, max(relative(error, size), allowed * excess), allowed, count)
        return Comparison(oracle, relative(error, size), allowed, count)


def yardsticks(
    compute: Callable[[], Tensors], exact: Callable[[], Tensors], dtype: torch.dtype, given: bool
) -> dict[str, Yardstick]:
    """Return the yardstick of each result of a reference.

    `compute` runs it in the smaller dtype, and may not be able to; `exact` runs it in float64. In float32, where
    another order of summation matters more than what is stored, and at inputs that were not given, more is allowed:
    mistakes are far larger.
    """
    truth, eps = exact(), torch.finfo(dtype).eps
    try:
        runs = [compute(), *randomly_rounded(compute, dtype, share=1 / 8)]
    except (RuntimeError, TypeError, NotImplementedError, NoOracleError):  # it cannot compute in this dtype: imitate it
        runs = list(randomly_rounded(exact, dtype, share=1 / 2))
    has_digits = eps < _MANY_DIGITS
    slack = (1 if given else _SLACK) * (2 if has_digits else 1)
    largest = max((float(true.abs().nan_to_num(0, 0, 0).max()) for true in truth.values() if true.numel()), default=0.0)
    found = {}
    for name, true in truth.items():
        finite = true.abs().nan_to_num(0, 0, 0)
        distances = [(run[name].double() - true).abs().nan_to_num(torch.inf).where(~true.isinf(), 0.0) for run in runs]
        fair = max(float(distance.norm()) for distance in distances)
        floor = (_FLOOR if has_digits else 0.5) * eps * float(finite.norm())
        if not true.numel() or float(finite.max()) <= _TRULY_ZERO * largest:  # rounding of terms that cancel
            floor += _MARGIN_OF_ZERO * eps * largest * true.numel() ** 0.5
        widest = torch.stack(distances).amax(dim=0)
        typical = (float(widest.norm()) + floor) / max(true.numel(), 1) ** 0.5
        spread = slack * _MARGIN * (widest + typical + eps * finite) + torch.finfo(dtype).tiny
        found[name] = Yardstick(true, fair, slack * max(2 * fair, floor), spread)
    return found


def coarse_yardstick(subject: Subject, grad_outputs: Outputs, name: str, dtype: torch.dtype) -> Yardstick:
    """Return central differences in a smaller dtype, of a sample of the elements; they have a third of its digits."""
    tensor, eps = subject.tensors[name], torch.finfo(dtype).eps
    step = eps ** (1 / 3) * max(float(tensor.abs().mean()) if tensor.numel() else 1.0, eps)
    chosen = torch.randperm(tensor.numel(), generator=torch.Generator().manual_seed(0))[:_SAMPLE].tolist()
    true = torch.full(tensor.shape, torch.nan, dtype=torch.float64, device=tensor.device)

    def at(index: int, t: float) -> Outputs:
        tensors = {key: x.clone() for key, x in subject.tensors.items()}
        flat = tensors[name].reshape(-1)
        flat[index] += t
        tensors[name] = flat.reshape(tensor.shape)
        return tuple(output.double() for output in subject.forward(tensors))

    for index in chosen:
        try:
            pairs = zip(at(index, step), at(index, -step), grad_outputs, strict=True)
        except Exception:  # the forward may refuse other inputs
            continue
        true.view(-1)[index] = sum(float(((a - b) * g.double()).sum()) for a, b, g in pairs) / (2 * step)
    size = float(true.nan_to_num(0).norm())
    allowed = _COARSE * eps ** (1 / 3) * max(size, eps)
    return Yardstick(true, allowed, allowed, torch.full_like(true, torch.inf))


def _errors(gradients: Gradients | Tensors, truth: Tensors) -> dict[str, float]:
    """Return ‖gradient - truth‖ / ‖truth‖ of each gradient that has the shape of its tensor."""
    return {
        name: _error(gradient, truth[name])
        for name, gradient in gradients.items()
        if gradient is not None and gradient.shape == truth[name].shape
    }


def _error(gradient: Tensor, true: Tensor) -> float:
    return relative(float((gradient.double() - true).norm().nan_to_num(torch.inf)), float(true.norm()))
