"""Try the formulas of one subject in float64, at the given inputs and at others."""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch

from torchnet.checking.compare import random_directions
from torchnet.checking.diagnosis.nonfinite import nan_finding
from torchnet.checking.examination import Examination
from torchnet.checking.oracles.autograd import NoOracleError
from torchnet.checking.oracles.oracles import AUTOGRAD, LARGE, Oracles
from torchnet.checking.points import other_points
from torchnet.checking.protocol.passes import Pass, first_pass
from torchnet.checking.protocol.protocol import run_protocol
from torchnet.checking.reports.report import Diagnosis, Report, Verdict
from torchnet.checking.rounding import noise_of
from torchnet.checking.subjects.subject import (
    Outputs,
    Subject,
    SubjectError,
)

_POINTS_OF_LARGE = 1  # other inputs at which a large subject is tried
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
    if run.raises:
        return report_of(subject, run, [], list(subject.notes), settings)
    examination = _examination(subject, grad_outputs, run, settings, settings.oracles)
    verdicts = examination.verdicts()
    report = report_of(subject, run, verdicts, [*subject.notes, *examination.notes], settings)
    report.findings.extend(examination.findings)
    if not report.passed:
        return report
    # At other inputs one oracle suffices, unless it finds something.
    oracles = examination.oracles
    used = [AUTOGRAD] if AUTOGRAD in oracles.full else oracles.directional[:1]

    def judge(point: Subject, grads: Outputs) -> Report | None:
        run = first_pass(point, grads, cache(lambda: noise_of(point, grads)))
        if run.raises or not all(g is None or g.isfinite().all() for g in run.written.values()):
            text = run.findings[0].text if run.raises else "it writes Inf or NaN"
            return Report(point.name, [], [], [text])
        odd = [n for n, g in run.written.items() if g is not None and g.shape != point.tensors[n].shape]
        if odd:
            return Report(point.name, [], [], [f"the gradient of {odd[0]} has another shape"])
        quick = _examination(point, grads, run, settings, used)
        agrees = quick.oracles.agrees(run.written) if used[0] in quick.oracles.directional else None
        if not run.findings and (agrees or (agrees is None and not any(map(_is_wrong, quick.verdicts())))):
            return None
        whole = _examination(point, grads, run, settings, settings.oracles)
        verdicts = whole.verdicts()
        wrong = [*run.findings, *whole.findings] or any(map(_is_wrong, verdicts))
        return Report(point.name, verdicts, [*run.findings, *whole.findings], whole.notes) if wrong else None

    return try_elsewhere(report, subject, settings, judge) if used else report


def _is_wrong(verdict: Verdict) -> bool:
    """Whether a gradient is wrong; at other inputs, one that no oracle could evaluate is not held against it."""
    return not verdict.passed and any(comparison.compared for comparison in verdict.comparisons.values())


def _examination(
    subject: Subject, grads: Outputs, run: Pass, settings: Settings, names: Sequence[str] | None
) -> Examination:
    oracles = Oracles(subject, grads, names, settings.seed, settings.say)
    tolerance = settings.tolerance if settings.rtol or settings.atol else None
    return Examination(oracles, run, tolerance)


def report_of(subject: Subject, run: Pass, verdicts: list[Verdict], notes: list[str], settings: Settings) -> Report:
    """Return the report of a subject at the given inputs, with the findings of other passes."""
    findings = [*run.findings, *nan_finding(subject)]
    tried: list[str] = []
    untried: list[str] = []
    if subject.numel > LARGE and not all(verdict.passed for verdict in verdicts):
        untried.append("other passes (a gradient is wrong)")
    elif not run.raises:
        settings.say("other passes")
        found, tried, untried = run_protocol(run, settings.thorough, settings.is_late)
        findings += found
    if settings.rtol or settings.atol:
        notes = [*notes, f"tolerances were given: rtol={settings.rtol:g}, atol={settings.atol:g}"]
    return Report(
        subject.name,
        verdicts,
        findings,
        list(dict.fromkeys([*notes, *run.notes])),
        place=place_of(subject),
        has_parts=subject.module is not None and any(True for _ in subject.module.children()),
        tried=tried,
        untried=untried,
    )


def try_elsewhere(
    report: Report, subject: Subject, settings: Settings, judge: Callable[[Subject, Outputs], Report | None]
) -> Report:
    """Judge the subject at other inputs; return the report of the first ones at which it is wrong."""
    if not settings.other_inputs:
        report.untried.append("other inputs (other_inputs=False)")
        return report
    shapes = [output.shape for output in subject.outputs()]
    for i, (where, sizes, point) in enumerate(other_points(subject, settings.seed)):
        if settings.is_late() or (subject.numel > LARGE and i >= _POINTS_OF_LARGE and not settings.thorough):
            report.untried.append(f"{where} ({'time limit' if settings.is_late() else 'thorough=True'})")
            continue
        settings.say(where)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the forward may warn of such inputs, as of a deviation of one number
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
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                wrong = judge(point, upstream(point, outputs, settings.seed))
        except (SubjectError, NoOracleError, RuntimeError, ValueError):  # an oracle does not take such inputs
            continue
        if wrong is not None and not wrong.tensors and not wrong.findings:
            report.notes.append(f"{where}: {wrong.notes[0]}: is it made for the given inputs only?")
            continue
        if wrong is not None and not wrong.passed:
            found = Diagnosis(
                "other inputs",
                f"the gradients are right at the given inputs, but not {where}. If the function is not meant for "
                "these, let the forward refuse them, or pass other_inputs=False",
            )
            return replace(
                wrong,
                findings=[found, *wrong.findings],
                notes=list(dict.fromkeys([*report.notes, *wrong.notes])),
                place=f"{place_of(point)}, {where}",
                tried=report.tried,
                untried=report.untried,
            )
        report.tried.append(where)
    return report
