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

from torchnet.data import DataError
from torchnet.reporting.mistakes import confident_mistakes, confusion_matrix, pixels_of
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


def read_report(path: Path) -> dict[str, Any]:
    """Return a report that `write_report` wrote.

    Raises:
        DataError: if it is another file; OSError: if it cannot be read.
    """
    try:
        report = json.loads(path.read_text())
        splits = list(report["accuracy"])
        _expect(all(isinstance(report["accuracy"][split], float) for split in splits))
        for split in splits:
            rows = report["classification_report"][split]
            columns = list(rows["support"])
            _expect(all(list(cells) == columns for cells in rows.values()))
            _expect(all(isinstance(value, (int, float)) for cells in rows.values() for value in cells.values()))
            counts = report["confusion_matrix"][split]
            _expect(all(isinstance(count, int) and len(row) == len(counts) for row in counts for count in row))
        for mistake in (mistake for mistakes in report["mistakes"].values() for mistake in mistakes):
            pixels_of(mistake)
            _expect(all(isinstance(value, float) for value in mistake["probabilities"]))
            _expect(all(0 <= mistake[label] < len(mistake["probabilities"]) for label in ("label", "predicted")))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path}: expected the report of a run ({error!r:.80}): remove it, or train again") from error
    return dict(report)


def _expect(is_so: bool) -> None:
    if not is_so:
        raise ValueError("something else than what a run writes")


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
