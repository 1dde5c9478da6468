"""Try a kernel in its own dtype, against a reference that computes in float64."""

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from torchnet.checking.compare import measure, relative
from torchnet.checking.diagnosis.context import Context
from torchnet.checking.diagnosis.diagnose import diagnose
from torchnet.checking.oracles.autograd import NoOracleError, autograd
from torchnet.checking.precision import Yardstick, coarse_yardstick, yardsticks
from torchnet.checking.protocol.passes import first_pass
from torchnet.checking.reports.error_map import error_map
from torchnet.checking.reports.report import Report, Verdict
from torchnet.checking.subjects.subject import Outputs, Subject, SubjectError, Tensors, at_dtype, describe, sentence
from torchnet.checking.trial import Settings, place_of, report_of, try_elsewhere


def try_kernel(subject: Subject, truth: Subject | None, grad_outputs: Outputs, settings: Settings) -> Report:
    """Compare a kernel in its own dtype with a reference: its float64 forward and autograd are the truth.

    The same reference in that dtype says how much error is fair. Without a reference, the truth is autograd of the own
    forward in its own dtype, or central differences.
    """
    report = _report(subject, truth, grad_outputs, settings, given=True)
    if not report.passed or truth is None:
        return report

    def judge(point: Subject, grads: Outputs) -> Report:
        there = replace(truth, tensors=point.tensors, forward=lambda tensors: truth.forward(tensors | point.constants))
        return _report(point, there, grads, settings, given=False)

    return try_elsewhere(report, subject, settings, judge)


def _report(subject: Subject, truth: Subject | None, grads: Outputs, settings: Settings, given: bool) -> Report:
    dtype = max((x.dtype for x in subject.tensors.values()), key=lambda dtype: torch.finfo(dtype).eps)
    settings.say("reference")
    if truth is not None:
        exact, exact_grads = at_dtype(truth, torch.float64), tuple(grad.double() for grad in grads)
        own, fair = _outputs(subject, truth, exact, dtype, given)
        measures = _measures(truth, grads, exact, exact_grads, dtype, given)
    else:
        exact, exact_grads, own, fair = subject, grads, {}, {}
        measures = _own_measures(subject, grads, dtype)
    name_of_dtype = str(dtype).removeprefix("torch.")
    run = first_pass(subject, grads, lambda: {n: m.spread for n, m in measures.items()}, 16 * torch.finfo(dtype).eps)
    verdicts = []
    if not run.raises:
        truths = {name: measure.true for name, measure in measures.items()}
        accuracy = max((relative(m.fair, m.size) for m in measures.values() if m.size > 0), default=0.0)
        context = Context(exact, exact.outputs(), exact_grads, {}, truths, dtype, accuracy)
        verdicts += [_verdict(name, x, fair[name], settings, context, is_output=True) for name, x in own.items()]
        oracle = "reference" if truth is not None else "own dtype"
        verdicts += [_verdict(name, run.written[name], m, settings, context, oracle) for name, m in measures.items()]
    report = Report(subject.name, verdicts, list(run.findings))
    if given:
        report = report_of(subject, run, verdicts, list(subject.notes), settings)
    return replace(report, place=f"{place_of(subject)}, in {name_of_dtype}")


def _outputs(
    subject: Subject, truth: Subject, exact: Subject, dtype: torch.dtype, given: bool
) -> tuple[Tensors, dict[str, Yardstick]]:
    """Return the outputs of the kernel by name, and their true values."""
    own = _named(subject.outputs())
    try:
        fair = yardsticks(lambda: _named(truth.outputs()), lambda: _named(exact.outputs()), dtype, given)
    except (SubjectError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise SubjectError(f"the reference raises {sentence(error)}") from error
    if [x.shape for x in own.values()] != [m.true.shape for m in fair.values()]:
        got, expected = describe(list(own.values())), describe([m.true for m in fair.values()])
        raise SubjectError(f"the outputs differ from those of the reference: {got}, expected {expected}")
    return own, fair


def _measures(
    truth: Subject, grads: Outputs, exact: Subject, exact_grads: Outputs, dtype: torch.dtype, given: bool
) -> dict[str, Yardstick]:
    try:
        return yardsticks(partial(autograd, truth, grads), partial(autograd, exact, exact_grads), dtype, given)
    except NoOracleError as error:
        raise SubjectError(f"autograd cannot differentiate the reference: {error}") from error


def _own_measures(subject: Subject, grads: Outputs, dtype: torch.dtype) -> dict[str, Yardstick]:
    """Return the gradients by autograd of the own forward in its own dtype, or by differences of a few elements."""

    def exact() -> Tensors:
        return {name: gradient.double() for name, gradient in autograd(subject, grads).items()}

    try:
        return yardsticks(partial(autograd, subject, grads), exact, dtype, given=True)
    except (NoOracleError, RuntimeError):
        return {name: coarse_yardstick(subject, grads, name, dtype) for name in subject.tensors}


def _named(outputs: Outputs) -> Tensors:
    return {f"output {i}" if len(outputs) > 1 else "output": x for i, x in enumerate(outputs)}


def _verdict(
    name: str,
    hand: Tensor | None,
    fair: Yardstick,
    settings: Settings,
    context: Context,
    oracle: str = "reference",
    is_output: bool = False,
) -> Verdict:
    """Compare a gradient or an output of a kernel with its true value."""
    fits = hand is not None and hand.shape == fair.true.shape
    value = hand if hand is not None and fits else torch.zeros_like(fair.true)
    comparison = fair.compare(oracle, value, settings.tolerance)
    passed = comparison.passed and (fits or hand is None)
    values, allowed = value.double(), comparison.allowed
    return Verdict(
        name,
        tuple(fair.true.shape),
        passed,
        {oracle: comparison},
        right_in_float64=passed,
        written=hand is not None,
        diagnosis=None if passed else diagnose(name, None if hand is None else hand.double(), fair.true, context),
        error_map=error_map(values, fair.true, allowed) if fits and not passed and values.numel() else None,
        is_output=is_output,
        **(measure(values, fair.true, allowed) if fits and values.numel() else {}),
    )
