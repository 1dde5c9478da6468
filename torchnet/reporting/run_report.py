"""The report of a finished run: build it and print it."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import Tensor

from torchnet.data import Preprocessing, Quantities
from torchnet.printable import printable
from torchnet.reporting.evaluation import (
    MAX_MATRIX,
    MAX_POINTS,
    classification_report,
    confident_mistakes,
    confusion_matrix,
    regression_report,
)

_FIRST_COLUMN, _COLUMN = 10, 9  # width in characters, with padding: row names, and values such as 0.123456


def run_report(
    title: str,
    losses: list[dict[str, float]],
    outputs: dict[str, tuple[Tensor, Tensor]],
    preprocessing: Preprocessing,
    pictures: dict[str, Callable[[int], np.ndarray]],
) -> dict[str, Any]:
    """Return the report of a run as JSON values: losses, and the scores, tables and mistakes of each split.

    Args:
        title: the heading of the report.
        losses: the losses printed during training, each with "epoch", "test_loss" and "train_loss".
        outputs: the outputs (n, C) and the labels (n,), or targets of a regression (n, C), of each split.
        preprocessing: has the names of the classes or quantities.
        pictures: for each split whose most confident mistakes are included, a function that returns an image by its
            number, (H, W) or (H, W, 3) uint8.
    """
    report: dict[str, Any] = {"title": title, "task": preprocessing.task, "losses": losses}
    if isinstance(preprocessing.targets, Quantities):
        return report | _of_quantities(outputs, preprocessing.targets)
    names = preprocessing.targets.names
    counted = {split: (logits.argmax(dim=1), labels) for split, (logits, labels) in outputs.items()}
    reports = {split: classification_report(*both, names) for split, both in counted.items()}
    if len(names) <= MAX_MATRIX:
        report["confusion_matrix"] = {split: confusion_matrix(*both, len(names)) for split, both in counted.items()}
    return report | {
        "classes": [*names],
        "accuracy": {split: rows["recall"]["micro avg"] for split, rows in reports.items()},
        "classification_report": reports,
        "mistakes": {split: confident_mistakes(*outputs[split], picture) for split, picture in pictures.items()},
    }


def _of_quantities(outputs: dict[str, tuple[Tensor, Tensor]], quantities: Quantities) -> dict[str, Any]:
    """Return the tables of a regression, and a sample of its predictions for a picture."""
    values = {}
    for split, (predicted, true) in outputs.items():
        values[split] = tuple(quantities.decode(tensor.double().cpu().numpy()) for tensor in (predicted, true))
    reports = {split: regression_report(both[0], both[1], quantities.names) for split, both in values.items()}
    return {
        "quantities": [*quantities.names],
        "r2": {split: float(np.mean([*rows["r2"].values()])) for split, rows in reports.items()},
        "regression_report": reports,
        "predictions": {
            split: {"predicted": both[0][:MAX_POINTS].tolist(), "true": both[1][:MAX_POINTS].tolist()}
            for split, both in values.items()
            if split != "train"
        },
    }


def print_report(report: dict[str, Any], console: Console) -> None:
    """Print the report as tables. A table that is wider than the console is split into blocks of columns."""
    if report["task"] == "regression":
        _print_regression(report, console)
        return
    console.print(f"\n{printable(report['title'])}", highlight=False, markup=False, style="bold")
    for split, accuracy in report["accuracy"].items():
        console.print(f"{split} accuracy = {accuracy:.6g}", highlight=False)
    for split, rows in report["classification_report"].items():
        console.print(f"\n{split} classification report", style="bold")
        columns = list(rows["support"])
        blocks = math.ceil(len(columns) / max(1, (console.width - _FIRST_COLUMN) // _COLUMN))
        per_block = math.ceil(len(columns) / blocks)
        for start in range(0, len(columns), per_block):
            console.print(_block(rows, columns[start : start + per_block]))


def _print_regression(report: dict[str, Any], console: Console) -> None:
    console.print(f"\n{printable(report['title'])}", highlight=False, markup=False, style="bold")
    for split, rows in report["regression_report"].items():
        console.print(f"{split} R2 = {report['r2'][split]:.4f}", highlight=False)
        if split == "train":
            continue
        table = Table("quantity", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for row in rows:
            table.add_column(row.upper(), justify="right")
        for name in report["quantities"]:
            table.add_row(Text(printable(name)), *(f"{values[name]:.4g}" for values in rows.values()))
        console.print(table)


def _block(rows: dict[str, dict[str, float]], columns: list[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    table.add_column("", min_width=_FIRST_COLUMN - 1)
    for column in columns:
        table.add_column(column.replace(" ", "\n"), justify="right", min_width=_COLUMN - 1)
    for row, cells in rows.items():
        table.add_row(row, *(f"{round(cells[column], 6):.6g}" for column in columns))
    return table
