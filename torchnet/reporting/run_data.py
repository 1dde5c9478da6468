"""The data of a run: the files in its folder, as its report page shows them."""

import csv
import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from torchnet.data import DataError
from torchnet.reporting.run_report import read_report

METRICS, REPORT, FACTS = "metrics.csv", "report.json", "facts.json"  # in the folder of a run
Row = dict[str, float]  # one row of metrics.csv: value by metric, with "step" (from 0) and mostly "epoch" (from 0)


def read_metrics(path: Path, rows: int | None = None) -> list[Row]:
    """Return the first rows of a metrics.csv, or all rows if None. Empty cells are left out.

    Raises:
        ValueError: if a cell is not a number.
    """
    with path.open(newline="") as file:
        return [
            {name: int(text) if text.lstrip("-").isdigit() else float(text) for name, text in row.items() if text}
            for row in islice(csv.DictReader(file), rows)
        ]


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

    @cached_property
    def rows(self) -> list[Row]:
        """The rows of metrics.csv, empty if the run did not log metrics."""
        path = self.folder / METRICS
        if not path.is_file():
            return []
        try:
            return read_metrics(path)
        except ValueError as error:
            raise DataError(
                f"{path}: expected the metrics of a run, in columns of numbers ({error}): remove it, or train again"
            ) from error

    @cached_property
    def report(self) -> dict[str, Any] | None:
        """The contents of report.json, or None if the run was stopped early."""
        path = self.folder / REPORT
        return read_report(path) if path.is_file() else None

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The contents of facts.json (speed, memory, environment, command), empty if the run was stopped early."""
        path = self.folder / FACTS
        if not path.is_file():
            return {}
        try:
            facts = json.loads(path.read_text())
            if facts["seconds"] > 0 and facts["images"] >= 0 and isinstance(facts["environment"], dict):
                return {"command": "", "peak_memory_mib": None} | facts
        except (KeyError, TypeError, ValueError):
            pass
        raise DataError(f"{path}: expected seconds, images and environment of a run: remove it, or train again")

    @property
    def name(self) -> str:
        return str(self.config.get("name", "default"))

    @property
    def time(self) -> str:
        """The start time, from the name of the folder."""
        try:
            return f"{datetime.strptime(self.folder.name[:19], '%Y-%m-%d_%H-%M-%S'):%Y-%m-%d %H:%M:%S}"
        except ValueError:
            return self.folder.name

    @property
    def epochs(self) -> int:
        """The number of epochs in the metrics."""
        return 1 + int(max((row["epoch"] for row in self.rows if "epoch" in row), default=-1))

    @property
    def accuracy(self) -> dict[str, float]:
        """The final accuracy by split, empty if the run was stopped early."""
        return {} if self.report is None else dict(self.report["accuracy"])

    @property
    def confusion(self) -> np.ndarray | None:
        """The confusion matrix of the test set, (C, C), or None if the run was stopped early."""
        return None if self.report is None else np.array(self.report["confusion_matrix"]["test"])

    @property
    def mistakes(self) -> list[dict[str, Any]]:
        """The most confident mistakes in the test set whose images have a height and a width."""
        found = [] if self.report is None else self.report["mistakes"]["test"]
        return [mistake for mistake in found if len(mistake["shape"]) == 2]

    def series(self, metric: str, axis: str) -> tuple[list[float], list[float]]:
        """Return the positions on an axis, "step" or "epoch", at which a metric was logged, and its values."""
        found = [(row[axis], row[metric]) for row in self.rows if metric in row and axis in row]
        return [x for x, _ in found], [y for _, y in found]

    def by_layer(self, metric: str) -> dict[int, tuple[list[float], list[float]]]:
        """Return the steps and values of a gradient-health metric for each layer."""
        names = sorted({name for row in self.rows for name in row if name.startswith(f"{metric}/layer_")})
        return {int(name.rpartition("_")[-1]): self.series(name, "step") for name in names}
