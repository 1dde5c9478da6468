"""`check`: compare a hand-written backward with every oracle that applies to it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from torchnet.checking.compare import random_directions
from torchnet.checking.examination import ORACLES, Examination
from torchnet.checking.forms import as_subject
from torchnet.checking.modules import copy_module
from torchnet.checking.report import Report
from torchnet.checking.rounding import with_precision
from torchnet.checking.subject import Loss, Outputs, Subject, SubjectError, at_dtype, copies, is_float

_UPSTREAM_SEED = 0x5EED  # added to the seed: the gradient must differ from an input that was drawn from the same seed


def check(
    subject: Any,
    *inputs: Any,
    loss: Loss | None = None,
    oracles: Sequence[str] | None = None,
    seed: int = 0,
) -> Report:
    """Compare every hand-written gradient with independent oracles, and name the mistake if one is wrong.

    The formulas are checked in float64, at the given values: against autograd of the same forward pass; against the
    complex step, or central differences if the forward pass cannot run on complex numbers; against the NumPy reference,
    if it supports the network; and by the Taylor test. If weights or inputs have a smaller dtype, the gradients
    computed in that dtype are then compared with the float64 gradients; they pass if their error is at most twice that
    of autograd in the same dtype.

    Args:
        subject: what to check. A `Layer`, or any module with a `backward(grad_output)` that writes `.grad` and
            returns the gradient of its input; a network, with its loss; a loss `(logits, targets) -> (loss,
            grad_logits)`; a pair of functions `(forward, backward)` with `backward(grad_output, *inputs)`, or with a
            forward that returns `(output, cache)` and `backward(grad_output, cache)`; a subclass of
            torch.autograd.Function.
        inputs: the arguments of its forward: `(x)` for a layer, `(images, targets)` for a network, `(logits, targets)`
            for a loss. NumPy arrays if the functions take NumPy arrays. The gradients of all floating-point inputs
            except the targets are checked.
        loss: the loss of a network; cross_entropy if None and there are more inputs than its forward takes.
        oracles: a subset of `ORACLES`; if None, all but central differences, which replace the complex step where
            it does not apply.
        seed: the seed of the upstream gradient, of the random directions, and of random numbers that the forward pass
            draws.

    Raises:
        SubjectError: if the subject or its inputs cannot be checked.
        ValueError: if an oracle is unknown.
    """
    if oracles is not None and (isinstance(oracles, str) or not set(oracles) <= set(ORACLES)):
        raise ValueError(f"oracles: expected a list with some of {', '.join(ORACLES)}, got {oracles!r}")
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.inference_mode(False), torch.no_grad(), torch.random.fork_rng(devices):
        return _check(as_subject(subject, inputs, loss), oracles, seed)


def _check(subject: Subject, oracles: Sequence[str] | None, seed: int) -> Report:
    subject = _seeded(subject, seed)
    dtypes = {str(tensor.dtype).removeprefix("torch.") for tensor in subject.tensors.values()}
    try:
        grad_outputs = _upstream(subject, seed)
        exact, exact_grads = at_dtype(subject, torch.float64), tuple(grad.double() for grad in grad_outputs)
        report = Examination(exact, exact_grads, oracles, seed).report()
        if not report.passed and subject.module is not None:
            report = replace(report, parts=_wrong_parts(exact, subject.module, oracles, seed))
        return report if dtypes == {"float64"} else with_precision(report, subject, grad_outputs)
    except (RuntimeError, ValueError) as error:
        if len(dtypes) == 1 or isinstance(error, SubjectError):
            raise
        raise SubjectError(
            f"weights and inputs have different dtypes, {' and '.join(sorted(dtypes))}: convert one to the other's, "
            f"with module.double() or x.float() ({error})"
        ) from error


def _seeded(subject: Subject, seed: int) -> Subject:
    """Return the subject with torch's random number generators seeded before every pass."""
    # On a machine without an accelerator torch.manual_seed does the same as the generator's manual_seed, but formats a
    # stack trace per kind of accelerator, which takes longer than a pass through a small network.
    set_seed = torch.manual_seed if torch.accelerator.is_available() else torch.default_generator.manual_seed

    def seeded(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            set_seed(seed)
            return function(*args, **options)

        return call

    return replace(subject, forward=seeded(subject.forward), backward=seeded(subject.backward))


def _upstream(subject: Subject, seed: int) -> Outputs:
    """Return the gradient of the outputs: 1 for a loss, otherwise random, because ones hide mistakes."""
    outputs = subject.forward(copies(subject.tensors))
    if subject.is_loss:
        return tuple(torch.ones_like(output) for output in outputs)
    return tuple(random_directions(output, 1, _UPSTREAM_SEED + seed)[0].to(output.dtype) for output in outputs)


def _wrong_parts(subject: Subject, network: nn.Module, oracles: Sequence[str] | None, seed: int) -> list[Report]:
    """Check each layer and the loss of a wrong network; return the reports of the innermost wrong ones."""
    network = copy_module(network).to(torch.float64)
    layers = {path: layer for path, layer in network.named_modules() if path and hasattr(layer, "backward")}
    calls: list[tuple[str, tuple[Any, ...]]] = []
    running = copy_module(network)
    for path in layers:
        running.get_submodule(path).register_forward_pre_hook(lambda _, args, path=path: calls.append((path, args)))
    logits = running(*[x.double() if is_float(x) else x for x in subject.args])
    wrong: dict[str, Report] = {}
    for path, args in calls:
        report = check(layers[path], *args, oracles=oracles, seed=seed)
        if not report.passed:
            wrong[path] = replace(report, subject=f"{path} ({type(layers[path]).__name__})")
    reports = [wrong[path] for path in wrong if not any(other.startswith(f"{path}.") for other in wrong)]
    if subject.loss is not None:
        reports.append(check(subject.loss, logits, *subject.targets, oracles=oracles, seed=seed))
    return [report for report in reports if not report.passed]
