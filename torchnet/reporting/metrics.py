"""The log of a run, metrics.csv, as it is read."""

import csv
from itertools import islice
from pathlib import Path

METRICS = "metrics.csv"
Row = dict[str, float]  # the metrics that it has; "step" counts from 0, and "epoch"


def read_metrics(path: Path, rows: int | None = None) -> list[Row]:
    """Return the first rows of a metrics.csv, or all: of each, the metrics that it has.

    Raises:
        OSError: if the file cannot be read; ValueError: if it holds something else than numbers.
    """
    with path.open(newline="") as file:
        return [
            {name: int(text) if text.lstrip("-").isdigit() else float(text) for name, text in row.items() if text}
            for row in islice(csv.DictReader(file), rows)
        ]


def series(rows: list[Row], metric: str, axis: str) -> tuple[list[float], list[float]]:
    """Return where along an axis, "step" or "epoch", a metric was logged, and its values."""
    found = [(row[axis], row[metric]) for row in rows if metric in row and axis in row]
    return [x for x, _ in found], [y for _, y in found]
