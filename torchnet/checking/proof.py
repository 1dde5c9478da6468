"""`check`: hold a hand-written backward against every oracle that can be asked."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from torchnet.checking.examination import ORACLES, Examination
from torchnet.checking.forms import as_subject
from torchnet.checking.parts import loss_of, parts_of
from torchnet.checking.precision import with_precision
from torchnet.checking.report import Report
from torchnet.checking.subject import Loss, Outputs, Subject, SubjectError, at_dtype, copies
from torchnet.checking.verdict import random_directions

_UPSTREAM = 0x5EED  # added to the seed: an input drawn from the same one must not come out equal to its gradient


def check(
    subject: Any,
    *inputs: Any,
    loss: Loss | None = None,
    oracles: Sequence[str] | None = None,
    seed: int = 0,
) -> Report:
    """Compare every hand-written gradient with independent oracles, and name the mistake where one is wrong.

    The formulas are checked in float64, at the numbers that were handed over: against autograd of the same forward
    pass; against the complex step, or central differences where the forward pass cannot be continued to complex
    numbers; against the NumPy reference, where it knows the network; and by the Taylor test. If weights or inputs have
    a smaller dtype, the gradients computed in it are then compared with the truth in float64, and pass if their error
    is at most twice that of autograd in the same dtype.

    Args:
        subject: what is checked. A `Layer`, or any module with a `backward(grad_output)` that writes `.grad` and
            returns the gradient of its input; a network, with its loss; a loss `(logits, targets) -> (loss,
            grad_logits)`; a pair of functions `(forward, backward)` with `backward(grad_output, *inputs)`, or with a
            forward that returns `(output, cache)` and `backward(grad_output, cache)`; a class derived from
            torch.autograd.Function.
        inputs: what its forward is called with: `(x)` for a layer, `(images, targets)` for a network, `(logits,
            targets)` for a loss. Functions may be of NumPy arrays. Gradients are taken of all
            floating-point inputs but the targets.
        loss: the loss behind a network; cross_entropy if None and there are more inputs than its forward takes.
        oracles: those to ask, of `ORACLES`; all but central differences if None, and these in place of a complex step
            that cannot be taken.
        seed: of the upstream gradient, of the random directions, and of random numbers that the forward pass draws.

    Raises:
        SubjectError: if the subject or its inputs are none that can be checked.
        ValueError: if there is no such oracle.
    """
    if oracles is not None and (isinstance(oracles, str) or not set(oracles) <= set(ORACLES)):
        raise ValueError(f"oracles: expected a list of some of {', '.join(ORACLES)}, got {oracles!r}")
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.inference_mode(False), torch.no_grad(), torch.random.fork_rng(devices):
        inputs = tuple(x.clone() if isinstance(x, Tensor) and x.is_inference() else x for x in inputs)
        return check_subject(as_subject(subject, inputs, loss), oracles, seed)


def check_subject(subject: Subject, oracles: Sequence[str] | None, seed: int) -> Report:
    """Do what `check` does, for a subject that is already in one form."""
    dtypes = {str(tensor.dtype).removeprefix("torch.") for tensor in subject.tensors.values()}
    try:
        return _examine(subject, oracles, seed)
    except (RuntimeError, ValueError) as error:
        if len(dtypes) == 1 or isinstance(error, SubjectError):
            raise
        raise SubjectError(
            f"weights and inputs have different dtypes, {' and '.join(sorted(dtypes))}, and do not go together: bring "
            f"one to the other's, with module.double() or x.float() ({error})"
        ) from error


def _examine(subject: Subject, oracles: Sequence[str] | None, seed: int) -> Report:
    subject = _repeatable(subject, seed)
    grad_outputs = _upstream(subject, seed)
    exact, exact_grads = at_dtype(subject, torch.float64), tuple(grad.double() for grad in grad_outputs)
    report = Examination(exact, exact_grads, oracles, seed).report()
    if not report.passed:
        report = replace(report, parts=_wrong_parts(exact, oracles, seed))
    if any(tensor.dtype != torch.float64 for tensor in subject.tensors.values()):
        report = with_precision(report, subject, grad_outputs)
    return report


def _repeatable(subject: Subject, seed: int) -> Subject:
    """Return the subject with every pass starting from the same state of torch's random number generators."""
    # Without an accelerator, torch.manual_seed would do no more, but format the stack for each kind of it that there
    # might be: that takes longer than a pass through a small network.
    set_seed = torch.manual_seed if torch.accelerator.is_available() else torch.default_generator.manual_seed

    def seeded(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            set_seed(seed)
            return function(*args, **options)

        return call

    return replace(subject, forward=seeded(subject.forward), backward=seeded(subject.backward))


def _upstream(subject: Subject, seed: int) -> Outputs:
    """Return the gradient of the outputs: 1 for a loss, else random numbers, never ones, which hide mistakes."""
    outputs = subject.forward(copies(subject.tensors))
    if subject.is_loss:
        return tuple(torch.ones_like(output) for output in outputs)
    return tuple(random_directions(output, 1, _UPSTREAM + seed)[0].to(output.dtype) for output in outputs)


def _wrong_parts(subject: Subject, oracles: Sequence[str] | None, seed: int) -> list[Report]:
    """Check the layers and the loss of a wrong network one by one; return the reports of the innermost wrong ones."""
    wrong: dict[str, Report] = {}
    for path, layer, args in parts_of(subject):
        report = check(layer, *args, oracles=oracles, seed=seed)
        if not report.passed:
            wrong[path] = replace(report, subject=f"{path} ({type(layer).__name__})")
    innermost = [path for path in wrong if not any(other.startswith(f"{path}.") for other in wrong)]
    reports = [wrong[path] for path in innermost]
    if subject.loss is not None:
        report = check_subject(loss_of(subject), oracles, seed)
        reports += [] if report.passed else [report]
    return reports
