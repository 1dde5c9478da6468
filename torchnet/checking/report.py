"""The result of a check: a table in a terminal, text and JSON elsewhere, and an error for a test to raise."""

import dataclasses
import io
import json
import math
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from torchnet.checking.scene import Diagnosis
from torchnet.checking.verdict import Verdict

_WIDTH = 110  # columns of the text, where no terminal sets the width


class GradientError(AssertionError):
    """A hand-written gradient is wrong."""


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        subject: the name of what was checked.
        tensors: a verdict on the gradient of each tensor.
        findings: what else is wrong, such as a backward that changes its input.
        notes: what could not be checked, and why.
        parts: reports of the layers and the loss of a wrong network that are wrong by themselves.
        place: where the gradients were compared.
        has_parts: whether there are layers to check alone.
    """

    subject: str
    tensors: list[Verdict]
    findings: list[Diagnosis] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    parts: list["Report"] = field(default_factory=list)
    place: str = ""
    has_parts: bool = False

    @property
    def passed(self) -> bool:
        """Whether every gradient is right, and backward does nothing beside writing them."""
        return all(verdict.passed for verdict in self.tensors) and not self.findings

    @property
    def worst(self) -> Verdict:
        """The verdict on the tensor with the largest error; a wrong one before a right one."""
        return max(self.tensors, key=lambda verdict: (not verdict.passed, verdict.error))

    @property
    def diagnoses(self) -> list[tuple[str, Diagnosis]]:
        """Every mistake with its place, the cause first: wrong layers, then findings, then wrong tensors."""
        causes = [(f"{part.subject}, {where}", what) for part in self.parts for where, what in part.diagnoses]
        findings = [("backward", finding) for finding in self.findings]
        return causes + findings + [(v.name, v.diagnosis) for v in self.tensors if v.diagnosis is not None]

    def raise_if_failed(self) -> None:
        """Do nothing if all is right.

        Raises:
            GradientError: if not; the message names the tensor and the mistake, and shows the table.
        """
        if not self.passed:
            where, what = self.diagnoses[0]
            about = where if where == "backward" else f"the gradient of {where}"
            raise GradientError(f"{self.subject}: {about} is wrong: {what.text}\n\n{self}")

    def to_json(self) -> str:
        """Return everything as JSON; infinite and undefined numbers are null."""
        values = dataclasses.asdict(self)
        return json.dumps(_finite({"passed": self.passed, **values}), indent=2, ensure_ascii=False)

    def __str__(self) -> str:
        text = io.StringIO()
        Console(file=text, width=_WIDTH, no_color=True, force_terminal=False, legacy_windows=False).print(self)
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines())

    def __rich__(self) -> RenderableType:
        """Return the table, and below it what is wrong."""
        oracles = list(dict.fromkeys(oracle for verdict in self.tensors for oracle in verdict.comparisons))
        has_slopes = any(verdict.taylor_slope is not None for verdict in self.tensors)
        has_precision = any(verdict.precision is not None for verdict in self.tensors)
        table = Table(pad_edge=False, box=None)
        for heading in ("gradient of", "shape"):
            table.add_column(f"\n{heading}")
        headings = [oracle.replace(" ", "\n") for oracle in oracles]
        headings += ["Taylor\nslope"] * has_slopes + ["own dtype\n/ autograd"] * has_precision
        for heading in headings:
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("")
        for verdict in self.tensors:
            cells = [verdict.name, " x ".join(map(str, verdict.shape)) or "one number"]
            cells += [_error(verdict, oracle) for oracle in oracles]
            cells += [_slope(verdict.taylor_slope)] * has_slopes + [_precision(verdict)] * has_precision
            table.add_row(*cells, Text("right", "green") if verdict.passed else Text("WRONG", "bold red"))
        return Group(self._title(), table, *(_indented(line) for line in self._explanation()))

    def _title(self) -> Text:
        outcome = Text("all gradients right", "green") if self.passed else Text("WRONG", "bold red")
        return Text.assemble(f"{self.subject} {self.place}: ", outcome)

    def _explanation(self) -> list[str]:
        lines = [""] if self.notes or not self.passed else []
        for part in self.parts:
            lines += [f"Checked alone, {part.subject} is wrong:"]
            lines += [f"    {line}" for line in part._mistakes()]
        if not self.passed and not self.parts and self.has_parts:
            lines.append("Each layer and the loss alone are right: the mistake is in what puts them together.")
        return lines + self._mistakes() + [f"note: {note}" for note in self.notes]

    def _mistakes(self) -> list[str]:
        lines = [f"{finding.kind}: {finding.text}" for finding in self.findings]
        if self.parts:  # the network's gradients are wrong because of them, and say nothing more
            return [*lines, "What else is WRONG may follow from that: check again when it is right."]
        return lines + [line for verdict in self.tensors if not verdict.passed for line in _detail(verdict)]


def _indented(line: str) -> Padding:
    """Keep the indentation of a line where it has to be wrapped."""
    text = line.lstrip()
    return Padding(Text(text), (0, 0, 0, len(line) - len(text)))


def _detail(verdict: Verdict) -> list[str]:
    lines = [f"{verdict.name}: {verdict.diagnosis.text if verdict.diagnosis else 'wrong'}"]
    if verdict.worst_index is not None and not verdict.right_in_float64:
        index = ", ".join(map(str, verdict.worst_index))
        lines += [
            f"    worst at [{index}]: {verdict.hand_value:.12g}, should be {verdict.true_value:.12g} "
            f"(off by {verdict.max_abs:.3g}, {verdict.ulps:.3g} ulps)",
            f"    wrong elements {verdict.wrong_share:.1%}, cosine {verdict.cosine:.9g}, scale {verdict.scale:.9g}",
        ]
    return lines


def _error(verdict: Verdict, oracle: str) -> str:
    comparison = verdict.comparisons.get(oracle)
    if comparison is None or comparison.compared == 0:
        return "kink" if comparison is not None and comparison.skipped else "-"
    skipped = f" ({comparison.skipped} skipped)" if comparison.skipped else ""
    return f"{comparison.error:.1e}{skipped}"


def _slope(slope: float | None) -> str:
    return "-" if slope is None else "exact" if slope > 10 else f"{slope:.2f}"


def _precision(verdict: Verdict) -> str:
    if verdict.precision is None:
        return "-"
    return f"{verdict.precision.error:.1e} / {verdict.precision.autograd_error:.1e}"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
