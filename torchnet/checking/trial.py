"""Try one subject: its formulas in float64, or a kernel in its own dtype, at the given inputs and at others."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import torch
from torch import Tensor

from torchnet.checking.compare import measure, random_directions, relative
from torchnet.checking.diagnosis.context import Context
from torchnet.checking.diagnosis.diagnose import diagnose
from torchnet.checking.diagnosis.nonfinite import nan_finding
from torchnet.checking.error_map import error_map
from torchnet.checking.examination import AUTOGRAD, COMPLEX_STEP, REFERENCE, Examination
from torchnet.checking.oracles.autograd import NoOracleError, autograd
from torchnet.checking.passes import Pass, first_pass
from torchnet.checking.points import other_points
from torchnet.checking.precision import Yardstick, yardsticks
from torchnet.checking.protocol import run_protocol
from torchnet.checking.report import Diagnosis, Report, Verdict
from torchnet.checking.rounding import noise_of
from torchnet.checking.subjects.subject import (
    Outputs,
    Subject,
    SubjectError,
    Tensors,
    at_dtype,
    describe,
)

_DIRECTIONS, _FEW_DIRECTIONS = 8, 2
_UPSTREAM_SEED = 0x5EED  # added to the seed: the gradient must differ from an input that was drawn from the same seed


@dataclass(frozen=True)
class Settings:
    """The options of a check.

    Attributes:
        oracles: the names of the oracles; None for the default ones.
        seed: the seed of everything random.
        rtol, atol: additional tolerances.
        other_inputs: whether to try other inputs.
        thorough: whether to run the long checks, too.
        deadline: the time, of time.monotonic, after which nothing else is tried.
        say: is told what is being done.
    """

    oracles: Sequence[str] | None
    seed: int
    rtol: float
    atol: float
    other_inputs: bool
    thorough: bool
    deadline: float
    say: Callable[[str], None]

    def tolerance(self, size: float) -> float:
        """Return the given tolerance relative to a size."""
        return self.rtol + (self.atol / size if size > 0 else self.atol)

    def is_late(self) -> bool:
        """Whether the time limit has been reached."""
        return time.monotonic() > self.deadline


def upstream(subject: Subject, outputs: Outputs, seed: int) -> Outputs:
    """Return the gradients of the outputs: 1 for a loss, otherwise random, because ones hide mistakes.

    Each output has its own: with equal ones, a backward that exchanges them would be right.
    """
    if subject.is_loss:
        return tuple(torch.ones_like(output) for output in outputs)
    seeds = (_UPSTREAM_SEED + seed + 7919 * i for i in range(len(outputs)))
    return tuple(random_directions(x, 1, s)[0].to(x.dtype) for x, s in zip(outputs, seeds, strict=True))


def place_of(subject: Subject) -> str:
    """Return the first input and its shape, for the title of a report."""
    first = subject.tensors.get(subject.first_input)
    return f"at {subject.first_input} of shape {tuple(first.shape)}" if first is not None else ""


def try_formulas(subject: Subject, grad_outputs: Outputs, settings: Settings) -> Report:
    """Compare the gradients in float64 with the oracles, at the given inputs and, if right there, at others."""
    noise = cache(lambda: noise_of(subject, grad_outputs))
    settings.say("backward")
    run = first_pass(subject, grad_outputs, noise)
    examination = _examination(subject, grad_outputs, run, settings, settings.oracles)
    verdicts = examination.verdicts()
    report = _report(subject, run, verdicts, [*subject.notes, *examination.notes], settings)
    report.findings.extend(examination.findings)
    if not report.passed:
        return report
    # At other inputs one oracle suffices, unless it finds something.
    used = [
        oracle
        for oracle in (AUTOGRAD, *examination.directional)
        if oracle in (*examination.full, *examination.directional)
    ]

    def judge(point: Subject, grads: Outputs) -> Report | None:
        run = first_pass(point, grads, cache(lambda: noise_of(point, grads)))
        if run.raises:
            return Report(point.name, [], run.findings)
        quick = _examination(point, grads, run, settings, used[:1], few=True)
        if not run.findings and not any(map(_is_wrong, quick.verdicts())):
            return None
        oracles = [oracle for oracle in settings.oracles or (AUTOGRAD, COMPLEX_STEP) if oracle != REFERENCE]
        whole = _examination(point, grads, run, settings, None if settings.oracles is None else oracles)
        verdicts = whole.verdicts()
        findings = [*run.findings, *whole.findings]
        return (
            Report(point.name, verdicts, findings, whole.notes) if findings or any(map(_is_wrong, verdicts)) else None
        )

    return _elsewhere(report, subject, settings, judge) if used else report


def _is_wrong(verdict: Verdict) -> bool:
    """Whether a gradient is wrong; at other inputs, one that no oracle could evaluate is not held against it."""
    return not verdict.passed and any(comparison.compared for comparison in verdict.comparisons.values())


def _examination(
    subject: Subject, grads: Outputs, run: Pass, settings: Settings, oracles: Sequence[str] | None, few: bool = False
) -> Examination:
    return Examination(
        subject,
        grads,
        run,
        oracles,
        settings.seed,
        settings.tolerance if settings.rtol or settings.atol else None,
        settings.say,
        _FEW_DIRECTIONS if few else _DIRECTIONS,
    )


def _report(subject: Subject, run: Pass, verdicts: list[Verdict], notes: list[str], settings: Settings) -> Report:
    findings, tried, untried = list(run.findings), [], []
    findings += nan_finding(subject)
    if not run.raises:
        settings.say("other passes")
        found, tried, untried = run_protocol(run, settings.thorough, settings.is_late)
        findings += found
    if settings.rtol or settings.atol:
        notes = [*notes, f"tolerances were given: rtol={settings.rtol:g}, atol={settings.atol:g}"]
    return Report(
        subject.name,
        verdicts,
        findings,
        [*notes, *run.notes],
        place=place_of(subject),
        has_parts=subject.module is not None and any(True for _ in subject.module.children()),
        tried=tried,
        untried=untried,
    )


def _elsewhere(
    report: Report, subject: Subject, settings: Settings, judge: Callable[[Subject, Outputs], Report | None]
) -> Report:
    """Judge the subject at other inputs; return the report of the first ones at which it is wrong."""
    if not settings.other_inputs:
        report.untried.append("other inputs (other_inputs=False)")
        return report
    shapes = [output.shape for output in subject.outputs()]
    for where, sizes, point in other_points(subject, settings.seed):
        if settings.is_late():
            report.untried.append(f"{where} (time limit)")
            continue
        settings.say(where)
        try:
            outputs = point.outputs()
        except (MemoryError, torch.OutOfMemoryError, KeyboardInterrupt):
            raise
        except Exception:  # the forward does not take such inputs
            continue
        if [tuple(output.shape) for output in outputs] != [sizes(shape) for shape in shapes] or not all(
            output.isfinite().all() for output in outputs
        ):
            continue
        try:
            wrong = judge(point, upstream(point, outputs, settings.seed))
        except (SubjectError, NoOracleError, RuntimeError, ValueError):  # an oracle does not take such inputs
            continue
        if wrong is not None and not wrong.passed:
            found = Diagnosis(
                "other inputs",
                f"the gradients are right at the given inputs, but not {where}. If the function is not meant for these, let "
                "the forward refuse them, or pass other_inputs=False",
            )
            return replace(
                wrong,
                findings=[found, *wrong.findings],
                notes=[*report.notes, *wrong.notes],
                place=f"{place_of(point)}, {where}",
                tried=report.tried,
                untried=report.untried,
            )
        report.tried.append(where)
    return report


def try_kernel(
    subject: Subject, truth: Subject, compares_outputs: bool, grad_outputs: Outputs, settings: Settings
) -> Report:
    """Compare a kernel in its own dtype with a reference: its float64 forward and autograd are the truth.

    The same reference in that dtype says how much error is fair.
    """
    report = _kernel_report(subject, truth, compares_outputs, grad_outputs, settings, given=True)
    if not report.passed:
        return report

    def judge(point: Subject, grads: Outputs) -> Report:
        there = replace(truth, tensors=point.tensors, forward=lambda tensors: truth.forward(tensors | point.constants))
        return _kernel_report(point, there, compares_outputs, grads, settings, given=False)

    return _elsewhere(report, subject, settings, judge)


def _kernel_report(
    subject: Subject, truth: Subject, compares_outputs: bool, grads: Outputs, settings: Settings, given: bool
) -> Report:
    dtype = max((x.dtype for x in subject.tensors.values()), key=lambda dtype: torch.finfo(dtype).eps)
    exact, exact_grads = at_dtype(truth, torch.float64), tuple(grad.double() for grad in grads)
    settings.say("reference")
    try:
        in_own_dtype, in_float64 = partial(autograd, truth, grads), partial(autograd, exact, exact_grads)
        measures = yardsticks(in_own_dtype, in_float64, dtype, given)
    except NoOracleError as error:
        raise SubjectError(f"autograd cannot differentiate the reference: {error}") from error
    run = first_pass(subject, grads, lambda: {n: m.spread for n, m in measures.items()}, 16 * torch.finfo(dtype).eps)
    truths = {name: measure.true for name, measure in measures.items()}
    accuracy = (
        max(relative(m.fair, m.size) for m in measures.values() if m.size > 0)
        if any(m.size > 0 for m in measures.values())
        else 0.0
    )
    context = Context(exact, exact.outputs(), exact_grads, {}, truths, dtype, accuracy)
    verdicts = []
    if compares_outputs:
        own, fair = (
            _named(subject.outputs()),
            yardsticks(lambda: _named(truth.outputs()), lambda: _named(exact.outputs()), dtype, given),
        )
        if [x.shape for x in own.values()] != [m.true.shape for m in fair.values()]:
            got, expected = describe(list(own.values())), describe([m.true for m in fair.values()])
            raise SubjectError(f"the outputs differ from those of the reference: {got}, expected {expected}")
        verdicts += [_verdict(name, x, fair[name], settings, context, is_output=True) for name, x in own.items()]
    for name, m in measures.items():
        verdicts.append(_verdict(name, run.written[name], m, settings, context))
    name_of_dtype = str(dtype).removeprefix("torch.")
    report = (
        _report(subject, run, verdicts, list(subject.notes), settings)
        if given
        else Report(subject.name, verdicts, list(run.findings))
    )
    return replace(report, place=f"{place_of(subject)}, in {name_of_dtype}")


def _named(outputs: Outputs) -> Tensors:
    return {f"output {i}" if len(outputs) > 1 else "output": x for i, x in enumerate(outputs)}


def _verdict(
    name: str, hand: Tensor | None, fair: Yardstick, settings: Settings, context: Context, is_output: bool = False
) -> Verdict:
    """Compare a gradient or an output of a kernel with its true value."""
    fits = hand is not None and hand.shape == fair.true.shape
    value = hand if hand is not None and fits else torch.zeros_like(fair.true)
    comparison = fair.compare("reference", value, settings.tolerance)
    passed = comparison.passed and (fits or hand is None)
    values, allowed = value.double(), comparison.allowed
    return Verdict(
        name,
        tuple(fair.true.shape),
        passed,
        {"reference": comparison},
        right_in_float64=passed,
        written=hand is not None,
        diagnosis=None if passed else diagnose(name, None if hand is None else hand.double(), fair.true, context),
        error_map=error_map(values, fair.true, allowed) if fits and not passed and values.numel() else None,
        is_output=is_output,
        **(measure(values, fair.true, allowed) if fits and values.numel() else {}),
    )
