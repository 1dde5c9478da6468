"""What a run leaves behind, as its page shows it."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from torchnet.data import DataError
from torchnet.reporting.metrics import METRICS, Row, read_metrics
from torchnet.reporting.report import read_report

REPORT, FACTS = "report.json", "facts.json"


@dataclass(frozen=True)
class Record:
    """A run.

    Attributes:
        folder: of the run.
        config: its configuration.
        config_text: the same, as it stands in config.yaml.
        network: what was trained, in a few words.
        weights: how many; 0 if no checkpoint tells.
        first_layer: the weights of the first layer, (units, H, W); None if the pixels of an image are in no square.
    """

    folder: Path
    config: dict[str, Any]
    config_text: str
    network: str
    weights: int
    first_layer: np.ndarray | None

    @cached_property
    def rows(self) -> list[Row]:
        """The rows of its metrics.csv; none if it was kept from logging.

        Raises:
            DataError: if it is not what a run writes.
        """
        path = self.folder / METRICS
        if not path.is_file():
            return []
        try:
            return read_metrics(path)
        except ValueError as error:
            raise DataError(f"{path}: expected the metrics of a run, numbers in columns ({error})") from error

    @cached_property
    def report(self) -> dict[str, Any] | None:
        """Its report.json; None if it was stopped before its end.

        Raises:
            DataError: if it is not what a run writes.
        """
        path = self.folder / REPORT
        return read_report(path) if path.is_file() else None

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Its facts.json, what its machine was and did; empty if it was stopped before its end.

        Raises:
            DataError: if it is not what a run writes.
        """
        path = self.folder / FACTS
        return _read_facts(path) if path.is_file() else {}

    @property
    def name(self) -> str:
        return str(self.config.get("name", "default"))

    @property
    def time(self) -> str:
        """When it began, as the name of its folder says."""
        try:
            return f"{datetime.strptime(self.folder.name[:19], '%Y-%m-%d_%H-%M-%S'):%Y-%m-%d %H:%M:%S}"
        except ValueError:
            return self.folder.name

    @property
    def epochs(self) -> int:
        """How many it has logged."""
        return 1 + int(max((row["epoch"] for row in self.rows if "epoch" in row), default=-1))

    @property
    def accuracy(self) -> dict[str, float]:
        """Of each split, at the end; empty if it was stopped before."""
        return {} if self.report is None else dict(self.report["accuracy"])

    @property
    def images_per_second(self) -> float | None:
        return self.facts["images"] / self.facts["seconds"] if self.facts else None

    def confusion(self, split: str) -> np.ndarray | None:
        """Return the confusion matrix of a split, (C, C); None if there was no evaluation."""
        return None if self.report is None else np.array(self.report["confusion_matrix"][split])

    def mistakes(self, split: str) -> list[dict[str, Any]]:
        """Return the worst mistakes in a split, if images have a height and a width and there was an evaluation."""
        found = [] if self.report is None else self.report["mistakes"][split]
        return [mistake for mistake in found if len(mistake["shape"]) == 2]

    def layered(self, metric: str) -> dict[int, tuple[list[float], list[float]]]:
        """Return the steps and values of a metric of gradient health, for each layer."""
        names = sorted({name for row in self.rows for name in row if name.startswith(f"{metric}/layer_")})
        found = {}
        for name in names:
            points = [(row["step"], row[name]) for row in self.rows if name in row]
            found[int(name.rpartition("_")[-1])] = ([x for x, _ in points], [y for _, y in points])
        return found


def _read_facts(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text())
        if facts["seconds"] > 0 and facts["images"] >= 0 and isinstance(facts["environment"], dict):
            return {"command": "", "peak_memory_mib": None} | facts
    except (KeyError, TypeError, ValueError):
        pass
    raise DataError(f"{path}: expected the facts of a run, seconds, images and environment: remove it, or train again")
