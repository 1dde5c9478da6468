"""torchnet.check: compare every hand-written gradient with independent oracles, at several inputs, in its dtype."""

import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from torchnet.checking.float64 import in_float64, inside
from torchnet.checking.kernel import try_kernel
from torchnet.checking.oracles.autograd import NoOracleError
from torchnet.checking.oracles.oracles import ORACLES
from torchnet.checking.precision import precision_of, with_precision
from torchnet.checking.progress import Progress
from torchnet.checking.reports.report import Report
from torchnet.checking.subjects.forms import as_subject, with_forward
from torchnet.checking.subjects.module_copies import copy_module
from torchnet.checking.subjects.subject import (
    Gradients,
    Loss,
    Outputs,
    Subject,
    SubjectError,
    is_float,
    sentence,
)
from torchnet.checking.trial import Settings, try_formulas, upstream


def check(
    subject: Any,
    *inputs: Any,
    loss: Loss | None = None,
    kwargs: Mapping[str, Any] | None = None,
    reference: Callable[..., Any] | None = None,
    expected: Callable[..., Any] | None = None,
    oracles: Sequence[str] | None = None,
    rtol: float = 0.0,
    atol: float = 0.0,
    other_inputs: bool = True,
    thorough: bool = False,
    time_limit: float = math.inf,
    seed: int = 0,
) -> Report:
    """Compare every hand-written gradient with independent oracles, and name the mistake if one is wrong.

    The formulas are checked in float64, at the given values: against autograd of the same forward pass; against the
    complex step, or central differences if the forward pass cannot run on complex numbers; against the NumPy reference,
    if it supports the network; and by the Taylor test. If weights or inputs have a smaller dtype, the gradients
    computed in that dtype are then compared with the float64 gradients; they pass if their error is at most twice that
    of autograd in the same dtype. A backward that is right at the given inputs is then tried at others, and with
    upstream gradients and inputs in another memory layout.

    Args:
        subject: what to check. A subclass of torch.autograd.Function, or its `apply`; any function of tensors that
            autograd can differentiate, whose backward is then what autograd computes; a module without a backward
            around such functions. A `Layer`, or any module with a `backward(grad_output)` that writes `.grad` and
            returns the gradient of its input; a network, with its loss; a loss `(logits, targets) -> (loss,
            grad_logits)`. A pair of functions `(forward, backward)` with `backward(grad_output, *inputs)`, or with a
            forward that returns `(output, cache)` and `backward(grad_output, cache)`; a pair `(function, derivative)`
            of functions of the inputs; an object with `forward` and `backward(grad_output)`.
        inputs: the arguments of its forward: `(x)` for a layer, `(images, targets)` for a network, `(logits, targets)`
            for a loss. NumPy arrays if the functions take NumPy arrays; lists, tuples and dictionaries of tensors. The
            gradients of all floating-point and complex tensors except the targets are checked, or, if some have
            requires_grad=True, of these.
        loss: the loss of a network; cross_entropy if None and there are more inputs than its forward takes.
        kwargs: keyword arguments of the forward.
        reference: a plain PyTorch function of the same inputs, for a kernel: its float64 forward and autograd are the
            truth, for the outputs, too. The kernel runs only in the dtype and on the device of the inputs, and may
            make twice the error that the reference makes in that dtype, in float32 four times.
        expected: the function whose gradient the backward is meant to be, where it is not the forward: the identity
            for a straight-through estimator.
        oracles: a subset of `ORACLES`; if None, all but central differences, which replace the complex step where
            it does not apply.
        rtol: errors of up to rtol times the largest element pass, too.
        atol: errors of up to atol pass, too.
        other_inputs: whether to try other values, a batch of one and odd sizes, where the forward accepts them. A
            function that accepts inputs that it is not meant for needs False.
        thorough: whether to check second derivatives, too, and what takes long for many inputs.
        time_limit: the time, in seconds, after which no other inputs and passes are tried; the report lists them.
        seed: the seed of the upstream gradient, of the random directions, and of random numbers that the forward pass
            draws.

    Returns:
        The report: `passed`, the verdict for each tensor, and the diagnosis; `print(report)` shows it,
        `raise_if_failed()` makes it a test, `plot()` and notebooks draw where a gradient is wrong.

    Raises:
        SubjectError: if the subject or its inputs cannot be checked.
        ValueError: if an oracle is unknown, or both reference and expected are given.

    Example:
        >>> x = torch.randn(7, 5)
        >>> torchnet.check((torch.sin, lambda grad_output, x: grad_output * x.cos()), x).passed
        True
    """
    if oracles is not None and (isinstance(oracles, str) or not set(oracles) <= set(ORACLES)):
        raise ValueError(f"oracles: expected a list with some of {', '.join(ORACLES)}, got {oracles!r}")
    if reference is not None and expected is not None:
        raise ValueError("expected reference= for a kernel or expected= for a surrogate gradient, got both")
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.inference_mode(False), torch.no_grad(), torch.random.fork_rng(devices), _other_generators_kept():
        target = _seeded(as_subject(subject, inputs, loss, kwargs), seed)
        truth = expected if reference is None else reference
        if truth is not None:
            target_truth = _seeded(with_forward(target, truth, inputs, kwargs, reference is None), seed)
        with Progress(target.name) as say:
            settings = Settings(oracles, seed, rtol, atol, other_inputs, thorough, time.monotonic() + time_limit, say)
            if reference is not None:
                return try_kernel(target, target_truth, _own_upstream(target, settings), settings)
            return _check(target if truth is None else target_truth, settings)


def _check(subject: Subject, settings: Settings) -> Report:
    grad_outputs = _own_upstream(subject, settings)
    exact = in_float64(subject, grad_outputs)
    if exact is None:
        return _in_own_dtype(subject, grad_outputs, settings)
    exact_grads = tuple(grad.double() for grad in grad_outputs)
    report = try_formulas(exact, exact_grads, settings)
    if any(finding.kind == "raises" for finding in report.findings):
        return report
    if not report.passed and subject.module is not None:
        report = replace(report, parts=_wrong_parts(exact, subject.module, settings))
    if all(tensor.dtype == torch.float64 for tensor in subject.tensors.values()):
        return report
    return _with_precision(report, subject, grad_outputs)


def _own_upstream(subject: Subject, settings: Settings) -> Outputs:
    """Run the forward in the given dtype, and draw upstream gradients for its outputs."""
    try:
        outputs = subject.outputs()
    except (SubjectError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        dtypes = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in subject.tensors.values()})
        if len(dtypes) > 1:
            raise SubjectError(
                f"weights and inputs have different dtypes, {' and '.join(dtypes)}: convert one to the other's, "
                f"with module.double() or x.float() ({sentence(error)})"
            ) from error
        raise SubjectError(f"{subject.name}: the forward pass raises {sentence(error)}") from error
    return upstream(subject, outputs, settings.seed)


def _in_own_dtype(subject: Subject, grad_outputs: Outputs, settings: Settings) -> Report:
    """Check a subject that refuses float64 as far as possible: against autograd of its own forward, or differences."""
    dtypes = [str(x.dtype).removeprefix("torch.") for x in subject.tensors.values()]
    dtype = next((name for name in dtypes if name != "float64"), "float64")
    note = (
        f"the forward pass computes in {dtype} only, where small errors cannot be told from rounding: give reference="
    )
    return try_kernel(replace(subject, notes=(*subject.notes, note)), None, grad_outputs, settings)


def _with_precision(report: Report, subject: Subject, grad_outputs: Outputs) -> Report:
    """Return the report of the float64 check, with the precision of each gradient in the subject's own dtype added."""
    if not subject.traceable or not any(verdict.passed for verdict in report.tensors):
        return report
    try:
        right = {verdict.name for verdict in report.tensors if verdict.passed}
        written: Gradients = {n: g for n, g in subject.gradients(grad_outputs).items() if n in right}
        precisions = precision_of(subject, grad_outputs, written)
    except (NoOracleError, RuntimeError) as error:
        note = f"the precision in the subject's own dtype was not checked: {str(error).splitlines()[0]}"
        return replace(report, notes=[*report.notes, note])
    return replace(report, tensors=[with_precision(verdict, precisions, written) for verdict in report.tensors])


def _seeded(subject: Subject, seed: int) -> Subject:
    """Return the subject with torch's random number generators seeded before every pass."""
    # On a machine without an accelerator torch.manual_seed does the same as the generator's manual_seed, but formats a
    # stack trace per kind of accelerator, which takes longer than a pass through a small network.
    set_seed = torch.manual_seed if torch.accelerator.is_available() else torch.default_generator.manual_seed

    class Seeded(nullcontext[None]):
        def __enter__(self) -> None:
            set_seed(seed)
            np.random.seed(seed % 2**32)
            random.seed(seed)

    return inside(Seeded, subject)


@contextmanager
def _other_generators_kept() -> Iterator[None]:
    """Set the random number generators of Python and NumPy back at the end."""
    of_python, of_numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)


def _wrong_parts(subject: Subject, network: nn.Module, settings: Settings) -> list[Report]:
    """Check each layer and the loss of a wrong network; return the reports of the innermost wrong ones."""
    network = copy_module(network).to(torch.float64)
    layers = {path: layer for path, layer in network.named_modules() if path and hasattr(layer, "backward")}
    calls: list[tuple[str, tuple[Any, ...]]] = []
    running = copy_module(network)
    for path in layers:
        running.get_submodule(path).register_forward_pre_hook(lambda _, args, path=path: calls.append((path, args)))
    logits = running(*[x.to(torch.float64, copy=True) if is_float(x) else x for x in subject.args])
    options: dict[str, Any] = {"oracles": settings.oracles, "seed": settings.seed}
    wrong: dict[str, Report] = {}
    for path, args in calls:
        report = check(layers[path], *args, **options)
        if not report.passed:
            wrong[path] = replace(report, subject=f"{path} ({type(layers[path]).__name__})")
    reports = [wrong[path] for path in wrong if not any(other.startswith(f"{path}.") for other in wrong)]
    if subject.loss is not None:
        reports.append(check(subject.loss, logits, *subject.targets, **options))
    return [report for report in reports if not report.passed]
