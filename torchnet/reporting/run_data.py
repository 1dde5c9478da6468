"""The data of a run: the files in its folder, as its report page shows them."""

import csv
import io
import math
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from torchnet.printable import printable
from torchnet.reporting.report_file import read_report
from torchnet.reporting.run_files import (
    MOST,
    number,
    optional,
    read_json,
    read_text,
    record,
    table_of_text,
    text,
    unusable,
    whole,
)

METRICS, REPORT, FACTS = "metrics.csv", "report.json", "facts.json"  # in the folder of a run
Row = dict[str, float]  # one row of metrics.csv: value by metric, with "step" (from 0) and mostly "epoch" (from 0)
_MAX_NUMBERS = 4_000_000  # in a metrics.csv, which then takes a few seconds to read
_LONGEST_CELL = 100  # characters; a float64 takes 25
_LARGEST = 1e250  # of the values that are drawn: the margins of a logarithmic axis do not overflow
_MAX_NAME = 64  # characters
_CHECK_FACTS = record(
    {"seconds": number(0, 1e10), "images": whole(), "environment": table_of_text(100, 1000)},
    {"command": text(100_000), "peak_memory_mib": optional(number(0, MOST))},
)


def read_metrics(path: Path, rows: int | None = None) -> list[Row]:
    """Return the first rows of a metrics.csv, or all rows if None. Empty cells are left out.

    A last line without its end, which was torn by a crash, is not a row.

    Raises:
        DataError: if the rows are not numbers in columns, each with a step; OSError: if the disk fails.
    """
    what = "the metrics of a run"
    content = read_text(path, what)
    lines = csv.reader(io.StringIO(content[: content.rfind("\n") + 1], newline=""))
    try:
        columns = next(lines, [])
        if len({*columns}) < len(columns):
            raise ValueError("two columns have the same name")
        found: list[Row] = []
        count = 0
        for cells in islice(lines, rows):
            found.append(_row(columns, cells))
            count += len(found[-1])
            if count > _MAX_NUMBERS:
                raise ValueError(f"more than {_MAX_NUMBERS} numbers")
        return found
    except (ValueError, csv.Error) as error:
        raise unusable(path, what, f"line {lines.line_num}: {error}") from error


def _row(columns: list[str], cells: list[str]) -> Row:
    if len(cells) != len(columns):
        raise ValueError(f"expected {len(columns)} cells, got {len(cells)}")
    row = {name: _value(cell) for name, cell in zip(columns, cells, strict=True) if cell}
    for name in ("step", "epoch"):
        if not 0 <= row.get(name, -1 if name == "step" else 0) <= MOST:
            raise ValueError(f"expected a {name} from 0 to {MOST:.0f}, got {row.get(name, 'none')}")
    return row


def _value(cell: str) -> float:
    try:
        if len(cell) <= _LONGEST_CELL:
            return int(cell) if cell.lstrip("-").isdigit() else float(cell)
    except ValueError:
        pass
    raise ValueError(f"expected a number, got {cell[:_LONGEST_CELL]!r}")


@dataclass(frozen=True)
class RunData:
    """A run and the files in its folder. A file is read when a property first needs it.

    Attributes:
        folder: the folder of the run.
        config: its configuration.
        config_text: the same configuration as text, from config.yaml.
        network: a short description of the network, such as "784-64-10, sigmoid".
        weights: the number of weights, 0 if there is no checkpoint.
        first_layer: the weights of the first layer, (units, H, W), or None if its inputs are not square images.

    Raises:
        DataError: by a property, if its file is corrupt.
    """

    folder: Path
    config: dict[str, Any]
    config_text: str
    network: str
    weights: int
    first_layer: np.ndarray | None

    def read(self) -> None:
        """Read all files now, so that a bad one is reported before anything is drawn.

        Raises:
            DataError: if a file is corrupt.
        """
        _ = self.rows, self.report, self.facts

    @cached_property
    def rows(self) -> list[Row]:
        """The rows of metrics.csv, empty if the run did not log metrics."""
        path = self.folder / METRICS
        return read_metrics(path) if _is_there(path) else []

    @cached_property
    def report(self) -> dict[str, Any] | None:
        """The contents of report.json, or None if the run was stopped early."""
        path = self.folder / REPORT
        return read_report(path) if _is_there(path) else None

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The contents of facts.json (speed, memory, environment, command), empty if the run was stopped early."""
        path = self.folder / FACTS
        if not _is_there(path):
            return {}
        facts = read_json(path, "seconds, images and environment of a run", _CHECK_FACTS)
        return {"command": "", "peak_memory_mib": None} | facts

    @property
    def samples_per_second(self) -> str:
        """The speed of training, "–" if it is unknown."""
        return f"{self.facts['images'] / self.facts['seconds']:,.0f}" if self.facts.get("seconds") else "–"

    @property
    def name(self) -> str:
        return printable(self.config.get("name", "default"))[:_MAX_NAME]

    @property
    def time(self) -> str:
        """The start time, from the name of the folder."""
        try:
            time = datetime.strptime(self.folder.name[:19], "%Y-%m-%d_%H-%M-%S")
            return f"{time:%Y-%m-%d %H:%M:%S}{' UTC' if self.folder.name.endswith('Z') else ''}"
        except ValueError:
            return self.folder.name

    @property
    def epochs(self) -> int:
        """The number of epochs in the metrics."""
        return 1 + int(max((row["epoch"] for row in self.rows if "epoch" in row), default=-1))

    @property
    def is_regression(self) -> bool:
        return self.report is not None and self.report.get("task") == "regression"

    @property
    def score_name(self) -> str:
        """What is reported beside the loss: accuracy, or r2 of a regression."""
        return "r2" if self.is_regression else "accuracy"

    @property
    def scores(self) -> dict[str, float]:
        """The final accuracy or R² by split, empty if the run was stopped early."""
        return {} if self.report is None else dict(self.report[self.score_name])

    @property
    def score_title(self) -> str:
        return "R²" if self.is_regression else "accuracy"

    def shown_score(self, split: str) -> str:
        """Return the final score of a split as text, "–" if it is unknown."""
        if split not in self.scores:
            return "–"
        return f"{self.scores[split]:.4f}" if self.is_regression else f"{self.scores[split]:.2%}"

    @property
    def classes(self) -> list[str]:
        """The names of the classes, empty for a regression."""
        return [] if self.report is None else list(self.report.get("classes", []))

    @property
    def evaluated_epoch(self) -> int:
        """The epoch, from 1, of the weights that the report is about: the best one if there is one, else the last."""
        best = (self.report or {}).get("best")
        return self.epochs if best is None else int(best["epoch"])

    @property
    def confusion(self) -> np.ndarray | None:
        """The confusion matrix of the test set, (C, C), or None if there is none."""
        matrices = {} if self.report is None else self.report.get("confusion_matrix", {})
        return np.array(matrices["test"]) if "test" in matrices else None

    @property
    def mistakes(self) -> list[dict[str, Any]]:
        """The most confident mistakes in the test set whose images can be drawn, with names of classes."""
        found = [] if self.report is None else self.report.get("mistakes", {}).get("test", [])
        return [
            mistake | {"label_name": self.classes[mistake["label"]], "read_as": self.classes[mistake["predicted"]]}
            for mistake in found
            if len(mistake["shape"]) > 1
        ]

    def series(self, metric: str, axis: str) -> tuple[list[float], list[float]]:
        """Return the positions on an axis, "step" or "epoch", at which a metric was logged, and its values.

        Inf, NaN and numbers near the largest float64 are left out; numbers near the smallest become 0.
        """
        found = [(row[axis], row[metric]) for row in self.rows if metric in row and axis in row]
        drawn = [(float(x), float(y) if abs(y) * _LARGEST >= 1 else 0.0) for x, y in found if abs(y) <= _LARGEST]
        return [x for x, _ in drawn], [y for _, y in drawn]

    def by_layer(self, metric: str) -> dict[int, tuple[list[float], list[float]]]:
        """Return the steps and values of a gradient-health metric for each layer that has any."""
        pattern = re.compile(rf"{metric}/layer_([0-9]{{1,6}})")
        found = map(pattern.fullmatch, sorted({name for row in self.rows for name in row}))
        lines = {int(name[1]): self.series(name[0], "step") for name in found if name}
        return {number: (x, y) for number, (x, y) in lines.items() if x}


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()  # also a pipe or a broken link, to be refused rather than overlooked


def duration(seconds: float) -> str:
    """Return a time as text, such as "3 min 20 s"."""
    whole = math.floor(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s" if minutes else f"{seconds:.1f} s"
