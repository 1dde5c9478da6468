"""The report of a finished run, report.json: written as JSON, and read strictly."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from torchnet.reporting.evaluation import MAX_MATRIX, MAX_MISTAKES, MAX_POINTS, pixels_of
from torchnet.reporting.feature_maps import MAX_CHANNELS, MAX_EXAMPLES, MAX_SIDE
from torchnet.reporting.run_files import Check, anything, fail, list_of, number, read_json, record, text, whole
from torchnet.storage import write_durably

_SPLITS = ("test", "val", "train")
_SHARE = number(0, 1 + 1e-9)  # a mean of numbers up to 1 may be rounded up
_VALUE = number(-1.7e308, 1.7e308)
_MOST_CLASSES = 10_000
_NAME = text(1000)
_BEST = record({"step": whole(), "epoch": whole(low=1), "val_loss": _VALUE})  # where the weights come from


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write the report as JSON."""
    write_durably(path, (json.dumps(report, indent=1) + "\n").encode())


def read_report(path: Path) -> dict[str, Any]:
    """Return a report that `write_report` wrote.

    Raises:
        DataError: if the file does not hold a report; OSError: if the disk fails.
    """
    report: dict[str, Any] = read_json(path, "the report of a run", _check)
    return report if report.get("task") == "regression" else {"classes": _classes(report)} | report


def _classes(report: dict[str, Any]) -> list[str]:
    """Return the names of the classes; digits, in reports from before there were others."""
    names: list[str] = report.get("classes") or [str(k) for k in range(len(report["confusion_matrix"]["test"]))]
    return names


def _check(report: Any, place: str) -> None:
    """Check the names first, and then whether all parts have these."""
    record({}, {"best": _BEST})(report, place)
    task = report.get("task", "classification") if isinstance(report, dict) else None  # reports before 0.2 have none
    if task == "regression":
        record({"title": _NAME, "quantities": list_of(_NAME, 1, _MOST_CLASSES), "r2": record({"test": _VALUE})})(
            report, place
        )
        splits = [split for split in _SPLITS if split in report["r2"]]
        _regression(report["quantities"], splits)(report, place)
        return
    record({"title": _NAME, "accuracy": record({"test": _SHARE})})(report, place)
    splits = [split for split in _SPLITS if split in report["accuracy"]]
    if "classes" in report:
        list_of(_NAME, 1, _MOST_CLASSES)(report["classes"], f"{place}.classes")
    else:
        record({"confusion_matrix": record({"test": list_of(anything, 1, MAX_MATRIX)})})(report, place)
    _classification(_classes(report), splits)(report, place)


def _classification(classes: list[str], splits: list[str]) -> Check:
    columns, count = [*classes, "macro avg", "micro avg", "weighted avg"], len(classes)
    shares = record(dict.fromkeys(columns, _SHARE), exact=True)
    rows = {"f1-score": shares, "precision": shares, "recall": shares}
    rows["support"] = record(dict.fromkeys(columns, whole()), exact=True)
    counts = list_of(list_of(whole(), count, count), count, count)
    mistakes = list_of(partial(_check_mistake, count), 0, MAX_MISTAKES)
    parts = {
        "accuracy": record(dict.fromkeys(splits, _SHARE), exact=True),
        "classification_report": record(dict.fromkeys(splits, record(rows, exact=True)), exact=True),
        "mistakes": record({}, {"test": mistakes}),
    }
    if count <= MAX_MATRIX:
        parts["confusion_matrix"] = record(dict.fromkeys(splits, counts), exact=True)
    return record(parts, {"feature_maps": _check_feature_maps})


def _regression(quantities: list[str], splits: list[str]) -> Check:
    count = len(quantities)
    values = record(dict.fromkeys(quantities, _VALUE), exact=True)
    rows = record({"r2": values, "mae": values, "rmse": values}, exact=True)
    points = list_of(list_of(_VALUE, count, count), 0, MAX_POINTS)
    return record(
        {
            "r2": record(dict.fromkeys(splits, _VALUE), exact=True),
            "regression_report": record(dict.fromkeys(splits, rows), exact=True),
            "predictions": record({"test": record({"predicted": points, "true": points}, exact=True)}),
        }
    )


def _check_mistake(classes: int, mistake: Any, place: str) -> None:
    """Check a misclassified image. Its pixels are the bytes of an image of its shape, in base64."""
    label, shape = whole(classes - 1), list_of(whole(2**24, low=1), 1, 8)
    probabilities = list_of(_SHARE, classes, classes)
    record({"label": label, "predicted": label, "probabilities": probabilities, "shape": shape, "pixels": anything})(
        mistake, place
    )
    _check_pixels(mistake, place)


def _check_pixels(encoded: Any, place: str) -> None:
    """Check that the pixels are the bytes of an array of its shape, in base64."""
    try:
        pixels_of(encoded)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}: expected pixels of shape {encoded['shape']} in base64, got others") from error


def _check_feature_maps(found: Any, place: str) -> None:
    """Check a few images, and the maps of one or two stages for each of them."""
    record({"images": _picture(MAX_SIDE), "stages": list_of(_check_stage, 1, 2)})(found, place)
    images = found["images"]["shape"]
    if len(images) not in (3, 4) or images[3:] not in ([], [3]) or images[0] > MAX_EXAMPLES:
        fail(f"{place}.images", f"at most {MAX_EXAMPLES} images", images)
    for stage in found["stages"]:
        if stage["maps"]["shape"][0] != images[0]:
            fail(f"{place}.stages", f"maps of {images[0]} images", stage["maps"]["shape"])


def _check_stage(stage: Any, place: str) -> None:
    size = list_of(whole(low=1), 2, 2)
    record({"channels": whole(low=1), "size": size, "maps": _picture(MAX_SIDE)})(stage, place)
    shape = stage["maps"]["shape"]
    if len(shape) != 4 or shape[1] > min(MAX_CHANNELS, stage["channels"]):
        fail(f"{place}.maps", f"maps of at most {MAX_CHANNELS} channels", shape)


def _picture(longest: int) -> Check:
    """Check for an array of pixels, of at most so many along each dimension."""
    values = record({"shape": list_of(whole(longest, low=1), 3, 4), "pixels": anything})

    def check(value: Any, place: str) -> None:
        values(value, place)
        _check_pixels(value, place)

    return check
