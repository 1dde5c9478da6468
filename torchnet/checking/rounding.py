"""How far rounding alone can move a gradient, and whether a gradient in a smaller dtype is as precise as autograd's.

A fixed tolerance is either too strict or too loose. In float64, noise_of estimates the rounding error of each element
by repeating the computation with random rounding. In a smaller dtype, the inputs are rounded first; the hand-written
gradient and autograd's in that dtype are then both compared with the float64 gradient at these same inputs.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from torchnet.checking.compare import Precision, relative
from torchnet.checking.oracles import NoOracleError, autograd, change
from torchnet.checking.report import Diagnosis, Report, Verdict
from torchnet.checking.subject import Gradients, Outputs, Subject, Tensors, at_dtype, copies, is_float

Result = TypeVar("Result")

_RUNS = 8  # of a computation with random rounding
_MARGIN = 10  # the allowed noise, as a multiple of the spread over a few runs
_EXCUSE = 10  # the largest noise of a hand-written backward that counts, as a multiple of autograd's
_UNUSABLE = 0.5  # autograd's relative error in a smaller dtype above which it cannot set a tolerance
_ZERO = 1e-6  # a true gradient below this multiple of autograd's norm is zero: autograd's gradient is all rounding
_MARGIN_OF_ZERO = 100  # for such a gradient, the allowed multiple of autograd's rounding

# Operations that select or copy numbers and compute none: autograd's search for a maximum needs it unchanged.
# fmt: off
_EXACT = {
    "abs", "amax", "amin", "cat", "clamp", "clamp_max", "clamp_min", "clone", "constant_pad_nd", "embedding",
    "empty", "empty_like", "flip", "full", "full_like", "gather", "index", "index_select", "masked_fill", "max",
    "maximum", "median", "min", "minimum", "neg", "new_empty", "new_full", "new_ones", "new_zeros", "ones",
    "ones_like", "relu", "repeat", "roll", "scatter", "select_backward", "sign", "slice_backward", "sort",
    "stack", "take", "threshold_backward", "topk", "tril", "triu", "where", "zeros", "zeros_like", "_to_copy",
}
# fmt: on


def randomly_rounded(compute: Callable[[], Result], dtype: torch.dtype, share: float) -> Iterator[Result]:
    """Yield the results of repeated computations whose operations round at random.

    Where a gradient is ill-conditioned, the results differ as much as those of two correct computations can. The
    fraction `share` of all computed numbers is moved up or down, at random, by one unit in the last place of the dtype;
    results in a smaller dtype stay unchanged. With 1/8 the numbers move as much as by rounding to nearest; with 1 every
    number moves.

    Source: Parker 1997, "Monte Carlo Arithmetic".
    """

    def moved(func: Any, x: Tensor) -> Tensor:
        returns_a_view = any(returned.alias_info is not None for returned in func._schema.returns)
        if returns_a_view or func.overloadpacket.__name__ in _EXACT:
            return x
        draw = torch.rand(x.shape, generator=generator).to(x.device)
        moves = (draw < share / 2).to(x.dtype) - (draw >= 1 - share / 2).to(x.dtype)
        return x * (1 + torch.finfo(dtype).eps * moves)

    for seed in range(_RUNS):
        generator = torch.Generator().manual_seed(seed)
        with _OnResults(moved):
            yield compute()


def smallest_dtype_of(compute: Callable[[], Any]) -> torch.dtype | None:
    """Return the dtype with the fewest digits among all results of a computation, None if it has no such result."""
    dtypes: set[torch.dtype] = set()

    def record(func: Any, x: Tensor) -> Tensor:
        dtypes.add(x.dtype)
        return x

    with _OnResults(record):
        compute()
    return max(dtypes, key=lambda dtype: torch.finfo(dtype).eps, default=None)


class _OnResults(TorchDispatchMode):
    """Replace every floating-point result x of an operation by visit(operation, x)."""

    def __init__(self, visit: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch does not annotate it
        self.visit = visit

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        return tree_map(lambda x: self.visit(func, x) if is_float(x) else x, result)


def rounding_of(subject: Subject, grad_outputs: Outputs) -> float:
    """Return how far rounding can move a change of the outputs: in the final sum, or in the forward pass before it."""
    outputs = subject.forward(copies(subject.tensors))
    in_the_sum = sum(float((x * g).abs().sum()) for x, g in zip(outputs, grad_outputs, strict=True))
    in_the_forward = [
        abs(change(moved, outputs, grad_outputs))
        for moved in randomly_rounded(lambda: subject.forward(copies(subject.tensors)), torch.float64, share=1)
    ]
    return max(4 * torch.finfo(torch.float64).eps * in_the_sum, *in_the_forward)


def noise_of(subject: Subject, grad_outputs: Outputs) -> Tensors:
    """Return the absolute error that rounding may cause in each element of each gradient, for a subject in float64."""

    def by_hand() -> Tensors:
        written = subject.backward(copies(subject.tensors), grad_outputs)
        gradients = {}
        for name, tensor in subject.tensors.items():
            gradient = written.get(name)
            fits = gradient is not None and gradient.shape == tensor.shape
            gradients[name] = gradient.clone() if gradient is not None and fits else torch.zeros_like(tensor)
        return gradients

    hand_noise = _spread(by_hand)
    try:
        autograd_noise = _spread(partial(autograd, subject, grad_outputs))
    except (NoOracleError, RuntimeError):
        return hand_noise
    # A backward that is far more sensitive to rounding than autograd does not excuse its own errors.
    return {
        name: torch.minimum(hand_noise[name], _EXCUSE * noise.max()).maximum(noise)
        for name, noise in autograd_noise.items()
    }


def _spread(compute: Callable[[], Tensors]) -> Tensors:
    """Return how far randomly rounded results are from the plain one, with a margin."""
    plain = compute()
    spread = {name: torch.zeros_like(tensor) for name, tensor in plain.items()}
    for moved in randomly_rounded(compute, torch.float64, share=1):
        for name, widest in spread.items():
            distance = (moved[name] - plain[name]).abs().nan_to_num(0, posinf=0)  # Inf and NaN are not noise
            spread[name] = torch.maximum(widest, _MARGIN * distance)
    return spread


def with_precision(report: Report, subject: Subject, grad_outputs: Outputs) -> Report:
    """Return the report of the float64 check, with the precision of each gradient in the subject's own dtype added."""
    written = subject.backward(copies(subject.tensors), grad_outputs)
    try:
        precisions = precision_of(subject, grad_outputs, written)
    except (NoOracleError, RuntimeError) as error:
        note = f"the precision in the subject's own dtype was not checked: {str(error).splitlines()[0]}"
        return replace(report, notes=[*report.notes, note])
    return replace(report, tensors=[_with_precision(verdict, precisions, written) for verdict in report.tensors])


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
    if any(error > 2 * own[name] for name, error in errors.items()):
        # A single run of autograd may be precise by chance: use the largest error over several roundings.
        for moved in randomly_rounded(by_autograd, dtype, share=1 / 8):
            own = {name: max(error, own[name]) for name, error in _errors(moved, truth).items()}
    own |= {name: _MARGIN_OF_ZERO * own[name] for name in zeros}
    name_of_dtype = str(dtype).removeprefix("torch.")
    return {name: Precision(name_of_dtype, error, own[name]) for name, error in errors.items()}


def _with_precision(verdict: Verdict, precisions: dict[str, Precision], written: Gradients) -> Verdict:
    precision = precisions.get(verdict.name)  # None if the gradient is missing, or of another shape
    if not verdict.passed or (precision.passed if precision else not verdict.written):
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


def _errors(gradients: Gradients | Tensors, truth: Tensors) -> dict[str, float]:
    """Return ‖gradient - truth‖ / ‖truth‖ of each gradient that has the shape of its tensor."""
    return {
        name: relative(float((gradient.double() - truth[name]).norm().nan_to_num(torch.inf)), float(truth[name].norm()))
        for name, gradient in gradients.items()
        if gradient is not None and gradient.shape == truth[name].shape
    }
