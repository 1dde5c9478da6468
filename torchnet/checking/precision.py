"""The gradients in the subject's own dtype, judged by those that autograd computes in it.

A fixed tolerance is either too strict or too loose for float32 and bfloat16. The inputs are rounded first; both results
are then compared with the truth in float64 at these very inputs.
"""

from dataclasses import replace

import torch
from torch import Tensor

from torchnet.checking.oracles import NoOracleError, autograd
from torchnet.checking.report import Report
from torchnet.checking.rounding import rounded_otherwise
from torchnet.checking.scene import Diagnosis
from torchnet.checking.subject import Gradients, Outputs, Subject, Tensors, at_dtype, copies
from torchnet.checking.verdict import Precision, Verdict, relative

_NO_MEASURE = 0.5  # of the norm: an autograd that is so far off measures nothing
_ZERO = 1e-6  # of autograd's norm in a smaller dtype: a true gradient below is zero, and what autograd has is rounding
_MARGIN_OF_ZERO = 100  # times autograd's rounding, where it is all that there is, is rounding, too


def with_precision(report: Report, subject: Subject, grad_outputs: Outputs) -> Report:
    """Return the report of the check in float64 with a judgment of each gradient in the subject's own dtype."""
    written = subject.backward(copies(subject.tensors), grad_outputs)
    try:
        precisions = precision_of(subject, grad_outputs, written)
    except (NoOracleError, RuntimeError) as error:
        note = f"rounding in the subject's own dtype was not judged: {str(error).splitlines()[0]}"
        return replace(report, notes=[*report.notes, note])
    return replace(report, tensors=[_judge(verdict, precisions, written) for verdict in report.tensors])


def precision_of(subject: Subject, grad_outputs: Outputs, written: Gradients) -> dict[str, Precision]:
    """Return how precise each gradient is that has the shape of its tensor.

    Args:
        subject: in its own dtype.
        grad_outputs: its upstream gradient, in the same.
        written: the hand-written gradients, in the same.

    Raises:
        NoOracleError: if autograd cannot tell.
    """
    dtype = max((tensor.dtype for tensor in subject.tensors.values()), key=lambda dtype: torch.finfo(dtype).eps)

    def by_autograd() -> Tensors:
        return autograd(subject, grad_outputs)

    truth = autograd(at_dtype(subject, torch.float64), tuple(grad.double() for grad in grad_outputs))
    in_own_dtype = by_autograd()
    own, errors = _errors(in_own_dtype, truth), _errors(written, truth)
    # Not of the zeros, such as the gradient of a bias whose mean a batch norm takes out again: there all is rounding.
    zeros = {name for name, grad in in_own_dtype.items() if float(truth[name].norm()) < _ZERO * float(grad.norm())}
    if any(error > _NO_MEASURE for name, error in own.items() if name not in zeros):
        raise NoOracleError(
            f"in {dtype} autograd itself is far from the truth, or the forward draws other random numbers"
        )
    if any(error > 2 * own[name] for name, error in errors.items()):
        # Autograd was seen once, and may have been lucky: what counts is what it may be off by.
        for moved in rounded_otherwise(by_autograd, dtype, share=1 / 8):
            own = {name: max(error, own[name]) for name, error in _errors(moved, truth).items()}
    own |= {name: _MARGIN_OF_ZERO * own[name] for name in zeros}
    name_of_dtype = str(dtype).removeprefix("torch.")
    return {name: Precision(name_of_dtype, error, own[name]) for name, error in errors.items()}


def _judge(verdict: Verdict, precisions: dict[str, Precision], written: Gradients) -> Verdict:
    precision = precisions.get(verdict.name)
    if precision is None:  # missing, or of another shape
        if not verdict.passed or not verdict.written:
            return verdict
        what = "missing" if written.get(verdict.name) is None else "of another shape than its tensor"
        return replace(
            verdict, passed=False, diagnosis=Diagnosis("missing", f"right in float64; in its own dtype it is {what}")
        )
    diagnosis = verdict.diagnosis
    if verdict.passed and not precision.passed:
        diagnosis = Diagnosis(
            "rounding",
            f"right in float64; in {precision.dtype} it is off by {precision.error:.1e} of its norm, autograd by at "
            f"most {precision.autograd_error:.1e}: is something computed, summed or kept with fewer digits than there?",
        )
    return replace(verdict, passed=verdict.passed and precision.passed, precision=precision, diagnosis=diagnosis)


def _errors(gradients: Gradients | Tensors, truth: Tensors) -> dict[str, float]:
    """Return ‖gradient - truth‖ / ‖truth‖ of each gradient that has the shape of its tensor."""
    return {
        name: relative(_norm(gradient.double() - truth[name]), float(truth[name].norm()))
        for name, gradient in gradients.items()
        if gradient is not None and gradient.shape == truth[name].shape
    }


def _norm(difference: Tensor) -> float:
    return float(difference.norm().nan_to_num(torch.inf))
