"""The result of a check: a table in a terminal or a notebook, text, JSON, a figure, and an exception for tests."""

import dataclasses
import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torchnet.checking.reports.verdict import Diagnosis, Verdict, error_cell, precision_cell, slope_cell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 110  # columns of the text of a report


class GradientError(AssertionError):
    """A hand-written gradient is wrong."""

    exit_code = 70


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

    __repr__ = __str__  # a prompt shows the table too

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from rich.text import Text

        text = Text("\n".join(self._lines(min(_WIDTH, options.max_width))), no_wrap=True)
        text.highlight_words(["WRONG"], "bold red")
        text.highlight_regex(r"\bright$|all gradients right", "green")
        yield text

    def _repr_html_(self) -> str:
        from torchnet.checking.reports.pictures import as_html

        return as_html(self)

    def plot(self) -> "Figure":
        """Return a Matplotlib figure: of each wrong gradient what was written, what is true, and where they differ.

        Raises:
            ImportError: if Matplotlib is not installed.
        """
        from torchnet.checking.reports.pictures import plot

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
            cells += [error_cell(verdict.comparisons.get(oracle)) for oracle in oracles]
            cells += [slope_cell(verdict.taylor_slope)] * has_slopes + [
                precision_cell(verdict.precision)
            ] * has_precision
            rows.append([*cells, "right" if verdict.passed else "WRONG"])
        return headings, rows

    def _lines(self, width: int) -> list[str]:
        outcome = "all gradients right" if self.passed else "WRONG"
        return [f"{self.subject} {self.place}: {outcome}", *_aligned(*self.table()), *self.explanation(width)]

    def explanation(self, width: int, with_map: bool = True) -> list[str]:
        """Return the lines below the table, wrapped: what is wrong, and what was tried."""
        lines = self._mistakes_of_parts() + self._mistakes(with_map) + [f"note: {note}" for note in self.notes]
        if self.tried:
            lines.append(f"tried: {', '.join(self.tried)}")
        reasons: dict[str, list[str]] = {}
        for what in self.untried:
            name, _, reason = what.removesuffix(")").rpartition(" (")
            reasons.setdefault(reason, []).append(name)
        lines += [f"not tried: {', '.join(names)} ({reason})" for reason, names in reasons.items()]
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

    def _mistakes(self, with_map: bool = True) -> list[str]:
        lines = [f"{finding.kind}: {finding.text}" for finding in self.findings]
        if self.parts:  # the network's own gradients are wrong as a consequence and add no information
            return [*lines, "Other WRONG rows may be consequences of this: fix it, then check again."]
        return lines + [
            line for verdict in self.tensors if not verdict.passed for line in verdict.explanation(with_map)
        ]


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
