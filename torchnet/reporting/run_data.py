"""The data of a run: the files in its folder, as its report page shows them."""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from torchnet.data import Preprocessing
from torchnet.printable import printable
from torchnet.reporting.feature_maps import decoded
from torchnet.reporting.report_file import read_report
from torchnet.reporting.run_files import (
    METRICS,
    MOST,
    Row,
    number,
    optional,
    read_json,
    read_metrics,
    record,
    table_of_text,
    text,
    whole,
)

REPORT, FACTS = "report.json", "facts.json"  # in the folder of a run
_LARGEST = 1e250  # of the values that are drawn: the margins of a logarithmic axis do not overflow
_MAX_NAME = 64  # characters
_MOST_QUANTITIES = 4  # of a regression, whose predictions are shown
_CHECK_FACTS = record(
    {"seconds": number(0, 1e10), "images": whole(), "environment": table_of_text(100, 1000)},
    {"command": text(100_000), "peak_memory_mib": optional(number(0, MOST))},
)


@dataclass(frozen=True)
class RunData:
    """A run and the files in its folder. A file is read when a property first needs it.

    Attributes:
        folder: the folder of the run.
        config: its configuration.
        config_text: the same configuration as text, from config.yaml.
        network: a short description of the network, such as "784-64-10, sigmoid".
        weights: the number of weights, 0 if there is no checkpoint.
        first_layer: the weights of the first layer, (units, inputs) or the filters of a convolution, (O, I, H, W); None
            if there is no checkpoint.
        preprocessing: what turns samples into inputs and outputs into answers, or None if there is no checkpoint.

    Raises:
        DataError: by a property, if its file is corrupt.
    """

    folder: Path
    config: dict[str, Any]
    config_text: str
    network: str
    weights: int
    first_layer: np.ndarray | None
    preprocessing: Preprocessing | None = None

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
        if self.report is not None:
            return self.report.get("task") == "regression"
        return self.preprocessing is not None and self.preprocessing.task == "regression"

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
        return [] if self.report is None else [printable(name) for name in self.report.get("classes", [])]

    @property
    def best(self) -> dict[str, Any] | None:
        """The step, epoch (from 1) and val_loss of the weights that were evaluated; None if they are the last ones."""
        return None if self.report is None else self.report.get("best")

    @property
    def predictions(self) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """The name, the true and the predicted values of the first quantities of a regression, in the test set."""
        report = self.report or {}
        points = report.get("predictions", {}).get("test")
        if not points or not 0 < len(points["true"]) == len(points["predicted"]):
            return []
        true, predicted = (np.clip(points[key], -_LARGEST, _LARGEST).T for key in ("true", "predicted"))
        return list(zip(map(printable, report["quantities"]), true, predicted, strict=True))[:_MOST_QUANTITIES]

    @property
    def evaluated_epoch(self) -> int:
        """The epoch, from 1, of the weights that the report is about: the best one if there is one, else the last."""
        return self.epochs if self.best is None else int(self.best["epoch"])

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

    @property
    def feature_maps(self) -> dict[str, Any] | None:
        """What the network makes of a few test images, as arrays: see `torchnet.reporting.feature_maps`."""
        found = None if self.report is None else self.report.get("feature_maps")
        return None if found is None else decoded(found)

    def series(self, metric: str, axis: str) -> tuple[list[float], list[float]]:
        """Return the positions on an axis, "step" or "epoch", at which a metric was logged, and its values.

        Inf, NaN and numbers near the largest float64 are left out; numbers near the smallest become 0.
        """
        found = [(row[axis], row[metric]) for row in self.rows if metric in row and axis in row]
        drawn = [(float(x), float(y) if abs(y) * _LARGEST >= 1 else 0.0) for x, y in found if abs(y) <= _LARGEST]
        return [x for x, _ in drawn], [y for _, y in drawn]

    @cached_property
    def _metrics(self) -> list[str]:
        return sorted({name for row in self.rows for name in row})

    def by_layer(self, metric: str) -> dict[int, tuple[list[float], list[float]]]:
        """Return the steps and values of a gradient-health metric for each layer that has any."""
        pattern = re.compile(rf"{metric}/layer_([0-9]{{1,6}})")
        found = map(pattern.fullmatch, self._metrics)
        lines = {int(name[1]): self.series(name[0], "step") for name in found if name}
        return {number: (x, y) for number, (x, y) in lines.items() if x}


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()  # also a pipe or a broken link, to be refused rather than overlooked


def duration(seconds: float) -> str:
    """Return a time as text, such as "3 min 20 s"."""
    whole = math.floor(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s" if minutes else f"{seconds:.1f} s"
