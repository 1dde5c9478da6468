"""The report of a finished run: build it and print it."""

import math
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from torch import Tensor

from torchnet.printable import printable
from torchnet.reporting.evaluation import classification_report, confident_mistakes, confusion_matrix

_FIRST_COLUMN, _COLUMN = 10, 9  # width in characters, with padding: row names, and values such as 0.123456


def run_report(
    title: str, losses: list[dict[str, float]], outputs: dict[str, tuple[Tensor, Tensor]], images: dict[str, Tensor]
) -> dict[str, Any]:
    """Return the report of a run as JSON values: losses, and accuracy and mistakes of each split.

    Args:
        title: the heading of the report.
        losses: the losses printed during training, each with "epoch", "test_loss" and "train_loss".
        outputs: the logits (n, C) and labels (n,) of each split.
        images: (n, ...) uint8, for each split whose most confident mistakes are included.
    """
    reports, matrices = {}, {}
    for split, (logits, labels) in outputs.items():
        counted = logits.argmax(dim=1), labels, logits.shape[1]
        reports[split], matrices[split] = classification_report(*counted), confusion_matrix(*counted)
    return {
        "title": title,
        "losses": losses,
        "accuracy": {split: rows["recall"]["micro avg"] for split, rows in reports.items()},
        "classification_report": reports,
        "confusion_matrix": matrices,
        "mistakes": {split: confident_mistakes(pixels, *outputs[split]) for split, pixels in images.items()},
    }


def print_report(report: dict[str, Any], console: Console) -> None:
    """Print the report as tables. A table that is wider than the console is split into blocks of columns."""
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


def _block(rows: dict[str, dict[str, float]], columns: list[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    table.add_column("", min_width=_FIRST_COLUMN - 1)
    for column in columns:
        table.add_column(column.replace(" ", "\n"), justify="right", min_width=_COLUMN - 1)
    for row, cells in rows.items():
        table.add_row(row, *(f"{round(cells[column], 6):.6g}" for column in columns))
    return table
