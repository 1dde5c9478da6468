"""The report of a finished run, report.json: written as JSON, and read strictly."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from torchnet.reporting.evaluation import MAX_MISTAKES, pixels_of
from torchnet.reporting.run_files import Check, anything, list_of, number, read_json, record, text, whole
from torchnet.storage import write_durably

_SPLITS = ("test", "val", "train")
_SHARE = number(0, 1 + 1e-9)  # a mean of numbers up to 1 may be rounded up
_LARGEST = 1.7e308  # of a loss
_MOST_CLASSES = 32  # more do not fit the figure of the confusion matrix
_OUTLINE = record(
    {
        "title": text(1000),
        "accuracy": record({"test": _SHARE}),
        "confusion_matrix": record({"test": list_of(anything, 1, _MOST_CLASSES)}),
    }
)


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write the report as JSON."""
    write_durably(path, (json.dumps(report, indent=1) + "\n").encode())


def read_report(path: Path) -> dict[str, Any]:
    """Return a report that `write_report` wrote.

    Raises:
        DataError: if the file does not hold a report; OSError: if the disk fails.
    """
    report: dict[str, Any] = read_json(path, "the report of a run", _check)
    return report


def _check(report: Any, place: str) -> None:
    """Check the splits and the number of classes first, and then whether all parts have the same."""
    _OUTLINE(report, place)
    splits = [split for split in _SPLITS if split in report["accuracy"]]
    _content(len(report["confusion_matrix"]["test"]), splits)(report, place)


def _content(classes: int, splits: list[str]) -> Check:
    columns = [*map(str, range(classes)), "macro avg", "micro avg", "weighted avg"]
    shares = record(dict.fromkeys(columns, _SHARE), exact=True)
    rows = {"f1-score": shares, "precision": shares, "recall": shares}
    rows["support"] = record(dict.fromkeys(columns, whole()), exact=True)
    counts = list_of(list_of(whole(), classes, classes), classes, classes)
    mistakes = list_of(partial(_check_mistake, classes), 0, MAX_MISTAKES)
    return record(
        {
            "accuracy": record(dict.fromkeys(splits, _SHARE), exact=True),
            "confusion_matrix": record(dict.fromkeys(splits, counts), exact=True),
            "classification_report": record(dict.fromkeys(splits, record(rows, exact=True)), exact=True),
            "mistakes": record({"test": mistakes}),
        },
        {"best": record({"step": whole(), "epoch": whole(low=1), "val_loss": number(-_LARGEST, _LARGEST)})},
    )


def _check_mistake(classes: int, mistake: Any, place: str) -> None:
    """Check a misclassified image. Its pixels are the bytes of an image of its shape, in base64."""
    label, shape = whole(classes - 1), list_of(whole(2**24, low=1), 1, 8)
    probabilities = list_of(_SHARE, classes, classes)
    record({"label": label, "predicted": label, "probabilities": probabilities, "shape": shape, "pixels": anything})(
        mistake, place
    )
    try:
        pixels_of(mistake)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}: expected pixels of shape {mistake['shape']} in base64, got others") from error
