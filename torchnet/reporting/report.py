"""The report of a finished run: accuracies and classification reports, as data, as a file and on the console."""

import json
import math
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torchmetrics.functional.classification import multiclass_stat_scores

from torchnet.reporting.mistakes import confident_mistakes, confusion_matrix
from torchnet.storage import write_durably

_FIRST_COLUMN, _COLUMN = 10, 9  # characters, with the space around: the names of the rows, and 0.123456


def classification_report(predictions: Tensor, labels: Tensor, num_classes: int) -> dict[str, dict[str, float]]:
    """Return f1-score, precision, recall and support of each class, and their averages, as scikit-learn defines them.

    With the true positives, false positives and false negatives of a class:

        precision = tp / (tp + fp)    recall = tp / (tp + fn)    f1-score = 2 tp / (2 tp + fp + fn)

    each 0 where it would be 0/0. "macro avg" is the plain mean over the classes, "weighted avg" that weighted by
    support; "micro avg", from the counts of all classes taken together, is the accuracy.

    Shape:
        predictions: (n,) classes; labels: (n,).
        returns: {row: {column: value}}, the columns "0", "1", ..., "macro avg", "micro avg", "weighted avg".
    """
    counts = multiclass_stat_scores(predictions, labels, num_classes=num_classes, average="none")
    # torchmetrics' own ratios are float32, too coarse for the sixth digit; from its counts they are exact.
    tp, fp, _, fn, support = counts.cpu().double().T
    total = len(labels)
    report: dict[str, dict[str, float]] = {}
    for row, part, whole in (
        ("f1-score", 2 * tp, 2 * tp + fp + fn),
        ("precision", tp, tp + fp),
        ("recall", tp, tp + fn),
    ):
        by_class = part / whole.clamp(min=1)
        report[row] = {str(label): value for label, value in enumerate(by_class.tolist())}
        report[row]["macro avg"] = by_class.mean().item()
        report[row]["micro avg"] = (part.sum() / whole.sum()).item()
        report[row]["weighted avg"] = (by_class @ support / total).item()
    report["support"] = {str(label): int(count) for label, count in enumerate(support.tolist())}
    report["support"] |= {"macro avg": total, "micro avg": total, "weighted avg": total}
    return report


def run_report(
    title: str, losses: list[dict[str, float]], outputs: dict[str, tuple[Tensor, Tensor]], images: dict[str, Tensor]
) -> dict[str, Any]:
    """Return the report of a run: title, the losses printed while training, and what came of each split.

    Args:
        title: what the report is headed with.
        losses: one a line printed, with "epoch", "test_loss" and "train_loss".
        outputs: the logits (n, C) and the labels (n,) of each split.
        images: (n, ...) uint8, of the splits of which the worst mistakes are wanted.
    """
    reports = {
        split: classification_report(logits.argmax(dim=1), labels, num_classes=logits.shape[1])
        for split, (logits, labels) in outputs.items()
    }
    return {
        "title": title,
        "losses": losses,
        "accuracy": {split: rows["recall"]["micro avg"] for split, rows in reports.items()},
        "classification_report": reports,
        "confusion_matrix": {
            split: confusion_matrix(logits.argmax(dim=1), labels, num_classes=logits.shape[1])
            for split, (logits, labels) in outputs.items()
        },
        "mistakes": {split: confident_mistakes(pixels, *outputs[split]) for split, pixels in images.items()},
    }


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write the report as JSON.

    Raises:
        OSError: if the file cannot be written.
    """
    write_durably(path, (json.dumps(report, indent=1) + "\n").encode())


def print_report(report: dict[str, Any], console: Console) -> None:
    """Print the report as tables, in as many blocks of columns as the console needs for its width."""
    console.print(f"\n{report['title']}", highlight=False, markup=False, style="bold")
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
