"""The result of a check: a table in a terminal or a notebook, text, JSON, a figure, and an exception for tests."""

import dataclasses
import json
import math
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torchnet.checking.compare import Comparison, Precision
from torchnet.checking.error_map import LEGEND, ErrorMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 110  # columns of the text of a report


class GradientError(AssertionError):
    """A hand-written gradient is wrong."""

    exit_code = 70


@dataclass(frozen=True)
class Diagnosis:
    """A kind of mistake, and the evidence for it.

    Attributes:
        kind: for a wrong gradient: "missing", "swapped", "grad_output", "shape", "not finite", "constant factor",
            "sign", "transposed", "wrong axis", "missing path", "activation derivative", "one slice", "one element",
            "small elements", "update before propagate", "rounding", "oracles disagree" or "unknown"; for other faults
            of backward: "side effect", "not repeatable", "memory layout", "input_grad", "accumulated" or "stale state".
        text: a sentence for the reader.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """The result for the hand-written gradient of one tensor.

    Attributes:
        name: the name of the tensor.
        shape: the shape of the tensor.
        passed: whether every oracle agrees with the gradient.
        comparisons: one per oracle that was run.
        taylor_slope: the order at which the remainder of the first-order Taylor expansion vanishes: 2, or 1 for a wrong
            gradient; infinite if the remainder is zero, None if the test was not run or a kink is too close.
        right_in_float64: whether the formula is right in float64, whatever the precision in a smaller dtype.
        written: whether backward wrote a gradient in float64; writing none is right where the true gradient is zero.
        precision: the comparison in the subject's own dtype, if that is smaller than float64.
        max_abs: the largest absolute difference from the true gradient.
        max_rel: the largest difference of an element relative to the true element.
        ulps: the difference at the worst index, in units of the last place of the true value in float64.
        cosine: the cosine of the angle between the hand-written and the true gradient.
        scale: <hand, true> / <true, true>, the factor by which the hand-written gradient is too large.
        worst_index: the index of the largest difference.
        hand_value: the hand-written gradient at that index.
        true_value: the true gradient at that index.
        wrong_share: the fraction of elements whose difference is larger than rounding.
        diagnosis: the kind of mistake, None if the gradient is right.
        error_map: which elements are wrong, and how much; None if the gradient is right or its elements are not known.
        is_output: whether this is an output of the forward pass, compared with the reference, not a gradient.
    """

    name: str
    shape: tuple[int, ...]
    passed: bool
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    taylor_slope: float | None = None
    right_in_float64: bool = True
    written: bool = True
    precision: Precision | None = None
    max_abs: float = math.nan
    max_rel: float = math.nan
    ulps: float = math.nan
    cosine: float = math.nan
    scale: float = math.nan
    worst_index: tuple[int, ...] | None = None
    hand_value: float = math.nan
    true_value: float = math.nan
    wrong_share: float = math.nan
    diagnosis: Diagnosis | None = None
    error_map: ErrorMap | None = None
    is_output: bool = False

    @property
    def error(self) -> float:
        """The largest error against any oracle."""
        return max((comparison.error for comparison in self.comparisons.values()), default=math.inf)

    def _explanation(self) -> list[str]:
        lines = [f"{self.name}: {self.diagnosis.text if self.diagnosis else 'wrong'}"]
        if self.worst_index is not None and not self.right_in_float64:
            lines += [
                f"    worst at [{', '.join(map(str, self.worst_index))}]: {self.hand_value:.12g}, should be "
                f"{self.true_value:.12g} (off by {self.max_abs:.3g}, {self.ulps:.3g} ulps)",
                f"    wrong elements {self.wrong_share:.1%}, cosine {self.cosine:.9g}, scale {self.scale:.9g}",
            ]
        if self.error_map is not None and self.error_map.shows_place:
            rows, columns = self.error_map.rows, self.error_map.columns
            lines += [f"    map of {rows} x {columns} elements: {LEGEND}"]
            lines += [f"      {line}" for line in self.error_map.lines()]
        return lines


@dataclass(frozen=True)
class Report:
    """The result of a check.

    Attributes:
        subject: the name of what was checked.
        tensors: a verdict on the gradient of each tensor.
        findings: other faults of backward, such as modifying its input.
        notes: what could not be checked, and why.
        parts: for a wrong network, the reports of the layers and the loss that are wrong on their own.
        place: the point at which the gradients were compared.
        has_parts: whether the subject has layers that can be checked on their own.
        tried: what was tried beside the gradients at the given inputs: other inputs, other passes.
        untried: what was not tried, and why.
    """

    subject: str
    tensors: list[Verdict]
    findings: list[Diagnosis] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    parts: list["Report"] = field(default_factory=list)
    place: str = ""
    has_parts: bool = False
    tried: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether every gradient is right and backward has no other fault."""
        return all(verdict.passed for verdict in self.tensors) and not self.findings

    @property
    def worst(self) -> Verdict:
        """The verdict with the largest error; wrong gradients come before right ones."""
        return max(self.tensors, key=lambda verdict: (not verdict.passed, verdict.error))

    @property
    def diagnoses(self) -> list[tuple[str, Diagnosis]]:
        """Every mistake with its location, causes first: wrong layers, then findings, then wrong tensors."""
        causes = [(f"{part.subject}, {where}", what) for part in self.parts for where, what in part.diagnoses]
        findings = [("backward", finding) for finding in self.findings]
        return causes + findings + [(v.name, v.diagnosis) for v in self.tensors if v.diagnosis is not None]

    @property
    def _not_gradients(self) -> set[str]:
        return {"backward", *(verdict.name for verdict in self.tensors if verdict.is_output)}

    def raise_if_failed(self) -> None:
        """Raise an error if the check failed.

        Raises:
            GradientError: if the check failed; the message names the tensor and the mistake, and shows the table.
        """
        if not self.passed:
            where, what = self.diagnoses[0]
            about = where if where in self._not_gradients else f"the gradient of {where}"
            raise GradientError(f"{self.subject}: {about} is wrong: {what.text}\n\n{self}")

    def to_json(self) -> str:
        """Return the report as JSON; Inf and NaN become null."""
        values = json.dumps({"passed": self.passed, **dataclasses.asdict(self)})
        finite = json.loads(values, parse_constant=lambda constant: None)
        return json.dumps(finite, indent=2, ensure_ascii=False)

    def __str__(self) -> str:
        return "\n".join(self._lines(_WIDTH))

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from rich.text import Text

        text = Text("\n".join(self._lines(min(_WIDTH, options.max_width))), no_wrap=True)
        text.highlight_words(["WRONG"], "bold red")
        text.highlight_regex(r"\bright$|all gradients right", "green")
        yield text

    def _repr_html_(self) -> str:
        from torchnet.checking.pictures import as_html

        return as_html(self)

    def plot(self) -> "Figure":
        """Return a Matplotlib figure: of each wrong gradient what was written, what is true, and where they differ.

        Raises:
            ImportError: if Matplotlib is not installed.
        """
        from torchnet.checking.pictures import plot

        return plot(self)

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Return the headings and the rows of the table."""
        oracles = list(dict.fromkeys(oracle for verdict in self.tensors for oracle in verdict.comparisons))
        has_slopes = any(verdict.taylor_slope is not None for verdict in self.tensors)
        has_precision = any(verdict.precision is not None for verdict in self.tensors)
        headings = ["gradient of", "shape", *(oracle.replace(" ", "\n") for oracle in oracles)]
        headings += ["Taylor\nslope"] * has_slopes + ["own dtype\n/ autograd"] * has_precision + [""]
        rows = []
        for verdict in self.tensors:
            name = f"({verdict.name})" if verdict.is_output else verdict.name
            cells = [name, " x ".join(map(str, verdict.shape)) or "one number"]
            cells += [_error(verdict.comparisons.get(oracle)) for oracle in oracles]
            cells += [_slope(verdict.taylor_slope)] * has_slopes + [_precision(verdict.precision)] * has_precision
            rows.append([*cells, "right" if verdict.passed else "WRONG"])
        return headings, rows

    def _lines(self, width: int) -> list[str]:
        outcome = "all gradients right" if self.passed else "WRONG"
        return [f"{self.subject} {self.place}: {outcome}", *_aligned(*self.table()), *self.explanation(width)]

    def explanation(self, width: int) -> list[str]:
        """Return the lines below the table, wrapped: what is wrong, and what was tried."""
        lines = self._mistakes_of_parts() + self._mistakes() + [f"note: {note}" for note in self.notes]
        if self.tried:
            lines.append(f"tried: {', '.join(self.tried)}")
        if self.untried:
            lines.append(f"not tried: {', '.join(self.untried)}")
        wrapped = []
        for line in lines:
            indent = " " * (len(line) - len(line.lstrip()))
            wrapped += textwrap.wrap(line, width, subsequent_indent=indent) if len(line) > width else [line]
        return ["", *wrapped] if wrapped else []

    def _mistakes_of_parts(self) -> list[str]:
        lines = []
        for part in self.parts:
            lines += [f"Checked on its own, {part.subject} is wrong:"]
            lines += [f"    {line}" for line in part._mistakes()]
        if not self.passed and not self.parts and self.has_parts:
            lines.append("Each layer and the loss are right on their own: the mistake is in how they are combined.")
        return lines

    def _mistakes(self) -> list[str]:
        lines = [f"{finding.kind}: {finding.text}" for finding in self.findings]
        if self.parts:  # the network's own gradients are wrong as a consequence and add no information
            return [*lines, "Other WRONG rows may be consequences of this: fix it, then check again."]
        return lines + [line for verdict in self.tensors if not verdict.passed for line in verdict._explanation()]


def _aligned(headings: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table whose numbers are aligned on the right; a heading may have two lines."""
    two_lines = [heading.split("\n") if "\n" in heading else ["", heading] for heading in headings]
    cells = [list(line) for line in zip(*two_lines, strict=True)] + rows
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for line in cells:
        numbers = [cell.rjust(width) for cell, width in zip(line[2:-1], widths[2:-1], strict=True)]
        lines.append("  ".join([line[0].ljust(widths[0]), line[1].ljust(widths[1]), *numbers, line[-1]]).rstrip())
    return lines


def _error(comparison: Comparison | None) -> str:
    if comparison is None or comparison.compared == 0:
        return "kink" if comparison is not None and comparison.skipped else "-"
    skipped = f" ({comparison.skipped} skipped)" if comparison.skipped else ""
    return f"{comparison.error:.1e}{skipped}"


def _slope(slope: float | None) -> str:
    return "-" if slope is None else "exact" if slope > 10 else f"{slope:.2f}"


def _precision(precision: Precision | None) -> str:
    return "-" if precision is None else f"{precision.error:.1e} / {precision.autograd_error:.1e}"
