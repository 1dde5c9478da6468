"""What torchnet.check says about an operator and its mistakes, judged against what was planted."""

import re
import time
from dataclasses import dataclass

import torchnet
from torchnet.checking import Report

from .catalog import Mistake, Operator

_LEAST = {  # the smallest shares that are good enough
    "right operators pass": 1.0,
    "mistakes fail": 1.0,
    "exactly the wrong tensors are accused": 0.97,
    "the cause or the place is named": 0.75,
}


@dataclass(frozen=True)
class Row:
    """The judgement of one operator; the lists have one entry a mistake.

    Attributes:
        operator: the operator.
        right_passes: whether the right one passes.
        fails: whether the check fails, as it should.
        accused: whether exactly the wrong tensors are accused.
        named: whether a diagnosis names the cause or the place.
        reports: of the right one, then of each mistake; an error that check raised stands in for a report.
        milliseconds: the time of each check.
    """

    operator: Operator
    right_passes: bool
    fails: list[bool]
    accused: list[bool]
    named: list[bool]
    reports: list[Report | Exception]
    milliseconds: list[float]


def judge(operator: Operator) -> Row:
    """Check the operator and each of its mistakes."""
    reports, milliseconds = [], []
    for mistake in (None, *operator.mistakes):
        subject, inputs = operator.subject(mistake), operator.inputs()
        start = time.perf_counter()
        try:
            reports.append(torchnet.check(subject, *inputs, **operator.options))
        except Exception as error:  # an error instead of a report is neither a pass nor a fail
            reports.append(error)
        milliseconds.append(1e3 * (time.perf_counter() - start))
    right, *wrong = reports
    pairs = list(zip(operator.mistakes, wrong, strict=True))
    return Row(
        operator,
        isinstance(right, Report) and right.passed,
        [isinstance(report, Report) and not report.passed for report in wrong],
        [accuses_exactly(mistake, report) for mistake, report in pairs],
        [names(mistake, report) for mistake, report in pairs],
        reports,
        milliseconds,
    )


def accuses_exactly(mistake: Mistake, report: Report | Exception) -> bool:
    """Whether the report accuses the tensors that are wrong and no other, or, if none is, backward itself."""
    if not isinstance(report, Report) or report.passed:
        return False
    return {verdict.name for verdict in report.tensors if not verdict.passed} == mistake.accused


def names(mistake: Mistake, report: Report | Exception) -> bool:
    """Whether a diagnosis contains one of the expected words, from the beginning of the word."""
    if not isinstance(report, Report) or report.passed:
        return False
    texts = [f"{diagnosis.kind}: {diagnosis.text}" for _, diagnosis in report.diagnoses]
    return any(re.search(rf"(?<!\w)(?:{word})", text, re.IGNORECASE) for word in mistake.named for text in texts)


def shares(rows: list[Row]) -> dict[str, tuple[int, int, float]]:
    """Return the number of cases that are as they should be, of how many, and the smallest share, by what it counts."""
    count = sum(len(row.fails) for row in rows)
    numbers = [(sum(row.right_passes for row in rows), len(rows))]
    numbers += [(sum(sum(getattr(row, what)) for row in rows), count) for what in ("fails", "accused", "named")]
    return {what: (*number, least) for (what, least), number in zip(_LEAST.items(), numbers, strict=True)}
