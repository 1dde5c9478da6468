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

REPORT, FACTS = "report.json", "facts.json"


@dataclass(frozen=True)
class Record:
    """A run.

    Attributes:
        folder: of the run.
        config: its configuration.
        config_text: the same, as it stands in config.yaml.
        network: what was trained, in a few words.
        weights: how many.
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
        """Its report.json; None if it was stopped before its end."""
        return _read_json(self.folder / REPORT, ("title", "accuracy", "classification_report"))

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What its machine was and did; empty if it was stopped before its end."""
        return _read_json(self.folder / FACTS, ("seconds", "images", "environment")) or {}

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
        return self.facts["images"] / self.facts["seconds"] if self.facts.get("seconds") else None

    def confusion(self, split: str) -> np.ndarray | None:
        """Return the confusion matrix of a split, (C, C); None if there was no evaluation."""
        matrices = (self.report or {}).get("confusion_matrix", {})
        return np.array(matrices[split]) if split in matrices else None

    def mistakes(self, split: str) -> list[dict[str, Any]]:
        """Return the worst mistakes in a split, if images have a height and a width and there was an evaluation."""
        found = (self.report or {}).get("mistakes", {}).get(split, [])
        return [mistake for mistake in found if len(mistake["shape"]) == 2]

    def layered(self, metric: str) -> dict[int, tuple[list[float], list[float]]]:
        """Return the steps and values of a metric of gradient health, for each layer."""
        names = sorted({name for row in self.rows for name in row if name.startswith(f"{metric}/layer_")})
        found = {}
        for name in names:
            points = [(row["step"], row[name]) for row in self.rows if name in row]
            found[int(name.rpartition("_")[-1])] = ([x for x, _ in points], [y for _, y in points])
        return found


def _read_json(path: Path, keys: tuple[str, ...]) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        contents = json.loads(path.read_text())
        if isinstance(contents, dict) and all(key in contents for key in keys):
            return contents
    except ValueError:
        pass
    raise DataError(f"{path}: expected what a run writes there, with {', '.join(keys)}: remove it, or run again")
