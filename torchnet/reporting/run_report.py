"""The report of a finished run: build it and print it."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import Tensor

from torchnet.printable import printable
from torchnet.reporting.evaluation import classification_report, confident_mistakes, confusion_matrix

MOST_ROWS = 20  # of classes that are printed; more than a screen would not be read
_METRICS = ("precision", "recall", "f1-score", "support")


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
    """Print the report: the accuracy of each split, and a table of the classes for all splits but the training set."""
    console.print(f"\n{printable(report['title'])}", highlight=False, markup=False, style="bold", soft_wrap=True)
    for split, accuracy in report["accuracy"].items():
        console.print(f"{split} accuracy = {accuracy:.6g}", highlight=False)
    for split, metrics in report["classification_report"].items():
        if split != "train":
            console.print(f"\n{split} classification report", style="bold")
            console.print(_table(metrics, report.get("classes")))


def _table(metrics: dict[str, dict[str, float]], names: list[Any] | None) -> Table:
    """Return a table with a row per class, or per class among the worst, and the averages."""
    columns = list(metrics["support"])
    averages = [column for column in columns if column.endswith(" avg")]
    classes = dict(zip(columns, names or columns, strict=False))  # by column: what the class is called
    shown = [column for column in columns if column not in averages]
    left_out = len(shown) - MOST_ROWS
    if left_out > 0:
        shown = sorted(shown, key=lambda column: metrics["f1-score"][column])[:MOST_ROWS]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("class", no_wrap=True, overflow="ellipsis")
    for metric in _METRICS:
        table.add_column(metric, justify="right", no_wrap=True)
    for column in shown:
        table.add_row(*_cells(printable(classes[column]), column, metrics))
    if left_out > 0:
        table.add_row(f"({left_out} more, with larger f1-scores)")
    table.add_section()
    for column in averages:
        table.add_row(*_cells(column, column, metrics))
    return table


def _cells(name: str, column: str, metrics: dict[str, dict[str, float]]) -> list[Text | str]:
    values = [f"{metrics[row][column]:{'' if row == 'support' else '.4f'}}" for row in _METRICS]
    return [Text(name), *values]  # a Text has no markup: the name of a class may have brackets
