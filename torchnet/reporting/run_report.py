"""The report of a finished run: build it and print it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import Tensor

from torchnet.data import Preprocessing, Quantities
from torchnet.data.targets import AVERAGES
from torchnet.printable import printable
from torchnet.reporting.evaluation import (
    MAX_MATRIX,
    MAX_POINTS,
    classification_report,
    confident_mistakes,
    confusion_matrix,
    regression_report,
)

MOST_ROWS = 20  # of classes that are printed; more than a screen would not be read
_METRICS = ("precision", "recall", "f1-score", "support")


def run_report(
    title: str,
    losses: list[dict[str, float]],
    outputs: dict[str, tuple[Tensor, Tensor]],
    preprocessing: Preprocessing,
    pictures: Mapping[str, Callable[[int], np.ndarray]],
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
    """Print the report: the accuracy of each split, and a table of the classes for all splits but the training set."""
    console.print(f"\n{printable(report['title'])}", highlight=False, markup=False, style="bold", soft_wrap=True)
    if report["task"] == "regression":
        _print_regression(report, console)
        return
    for split, accuracy in report["accuracy"].items():
        console.print(f"{split} accuracy = {accuracy:.6g}", highlight=False)
    for split, metrics in report["classification_report"].items():
        if split != "train":
            console.print(f"\n{split} classification report", style="bold")
            console.print(_table(metrics))


def _print_regression(report: dict[str, Any], console: Console) -> None:
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


def _table(metrics: dict[str, dict[str, float]]) -> Table:
    """Return a table with a row per class, or per class among the worst, and the averages."""
    columns = list(metrics["support"])
    averages = [column for column in columns if column in AVERAGES]
    shown = [column for column in columns if column not in averages]
    left_out = len(shown) - MOST_ROWS
    if left_out > 0:
        shown = sorted(shown, key=lambda column: metrics["f1-score"][column])[:MOST_ROWS]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("class", no_wrap=True, overflow="ellipsis")
    for metric in _METRICS:
        table.add_column(metric, justify="right", no_wrap=True)
    for column in shown:
        table.add_row(*_cells(printable(column), column, metrics))
    if left_out > 0:
        table.add_row(f"({left_out} more, with larger f1-scores)")
    table.add_section()
    for column in averages:
        table.add_row(*_cells(column, column, metrics))
    return table


def _cells(name: str, column: str, metrics: dict[str, dict[str, float]]) -> list[Text | str]:
    values = [f"{metrics[row][column]:{'' if row == 'support' else '.4f'}}" for row in _METRICS]
    return [Text(name), *values]  # a Text has no markup: the name of a class may have brackets
