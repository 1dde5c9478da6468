"""Evaluation on a data set: logits, per-class metrics, the confusion matrix and the most confident mistakes."""

import base64
import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchnet.data import BatchLoader, Classes, Quantities
from torchnet.network import Network
from torchnet.step import scale_pixels
from torchnet.storage import write_durably

MAX_MISTAKES = 12  # the number of mistakes that a report shows
MAX_MATRIX = 100  # the number of classes up to which a report has a confusion matrix
MAX_POINTS = 1000  # the number of samples of a regression that a report shows


@torch.no_grad()
def evaluate(net: Network, loader: BatchLoader) -> tuple[Tensor, Tensor]:
    """Run the network in evaluation mode on all samples; return outputs and targets. The network's mode is restored.

    Shape:
        returns: (n, C) with the dtype of the weights, and (n,) int64 or (n, C), on the loader's device.
    """
    was_training = net.training
    net.eval()
    dtype = next(net.parameters()).dtype
    try:
        outputs = [(net(scale_pixels(batch.inputs, dtype)), batch.targets) for batch in loader]
    finally:
        net.train(was_training)
    logits, labels = zip(*outputs, strict=True)
    return torch.cat(logits), torch.cat(labels)


def classification_report(predictions: Tensor, labels: Tensor, classes: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return f1-score, precision, recall and support per class, and their averages, as scikit-learn defines them.

    With the true positives tp, false positives fp and false negatives fn of a class:

        precision = tp / (tp + fp)    recall = tp / (tp + fn)    f1-score = 2 tp / (2 tp + fp + fn)

    A ratio is 0 where it would be 0/0. "macro avg" is the unweighted mean over the classes, "weighted avg" the mean
    weighted by support. "micro avg" is computed from the summed counts of all classes and equals the accuracy.

    Shape:
        predictions: (n,) classes; labels: (n,).
        returns: {row: {column: value}} with the names of the classes, "macro avg", "micro avg" and "weighted avg" as
            columns.
    """
    counts = torch.tensor(confusion_matrix(predictions, labels, len(classes)), dtype=torch.float64)
    tp, predicted, support = counts.diagonal(), counts.sum(dim=0), counts.sum(dim=1)  # tp, tp + fp, tp + fn
    total = len(labels)
    report: dict[str, dict[str, float]] = {}
    for row, part, whole in (
        ("f1-score", 2 * tp, predicted + support),
        ("precision", tp, predicted),
        ("recall", tp, support),
    ):
        by_class = part / whole.clamp(min=1)
        report[row] = dict(zip(classes, by_class.tolist(), strict=True))
        report[row]["macro avg"] = by_class.mean().item()
        report[row]["micro avg"] = (part.sum() / whole.sum()).item()
        report[row]["weighted avg"] = (by_class @ support / total).item()
    report["support"] = {name: int(count) for name, count in zip(classes, support.tolist(), strict=True)}
    report["support"] |= {"macro avg": total, "micro avg": total, "weighted avg": total}
    return report


def confusion_matrix(predictions: Tensor, labels: Tensor, num_classes: int) -> list[list[int]]:
    """Return the number of samples per true class (row) and predicted class (column), as scikit-learn counts them.

    Shape:
        predictions: (n,) classes; labels: (n,).
        returns: C rows of C.
    """
    cells = torch.bincount(labels * num_classes + predictions, minlength=num_classes * num_classes)
    rows: list[list[int]] = cells.view(num_classes, num_classes).tolist()
    return rows


def r_squared(predictions: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the coefficient of determination of each quantity; 0 where all values are the same.

        R² = 1 - Σ (y - ŷ)² / Σ (y - ȳ)²

    Shape:
        predictions: (n, K); values: (n, K); returns: (K,).
    """
    spread = np.square(values - values.mean(axis=0)).sum(axis=0)
    unexplained = np.square(predictions - values).sum(axis=0) / np.where(spread > 0, spread, np.inf)
    return np.where(spread > 0, 1 - unexplained, 0.0)


def regression_report(predictions: np.ndarray, values: np.ndarray, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return R², the mean absolute error and the root of the mean squared error of each quantity, in its units.

        MAE = 1/n Σ |y - ŷ|    RMSE = √(1/n Σ (y - ŷ)²)

    Shape:
        predictions: (n, K); values: (n, K).
        returns: {"r2", "mae", "rmse": {name: value}}.
    """
    errors = predictions - values
    columns = {
        "r2": r_squared(predictions, values),
        "mae": np.abs(errors).mean(axis=0),
        "rmse": np.sqrt(np.square(errors).mean(axis=0)),
    }
    return {row: dict(zip(names, by_name.tolist(), strict=True)) for row, by_name in columns.items()}


def confident_mistakes(logits: Tensor, labels: Tensor, picture: Callable[[int], np.ndarray]) -> list[dict[str, Any]]:
    """Return the misclassified images with the highest predicted probability, highest first, as JSON values.

    Each mistake has the keys "label", "predicted", "probabilities" (of all classes), "pixels" (the bytes of the image
    in base64) and "shape" (of the image). `picture` returns an image by its number, (H, W) or (H, W, 3) uint8.

    Shape:
        logits: (n, C); labels: (n,).
    """
    confidence, predicted = logits.softmax(dim=1).max(dim=1)
    wrong = (predicted != labels).nonzero().view(-1)
    worst = wrong[confidence[wrong].argsort(descending=True, stable=True)[:MAX_MISTAKES]].tolist()
    return [
        {
            "label": labels[k].item(),
            "predicted": predicted[k].item(),
            "probabilities": logits[k].softmax(dim=0).tolist(),
        }
        | encoded(picture(k))
        for k in worst
    ]


def encoded(pixels: np.ndarray) -> dict[str, Any]:
    """Return uint8 values as JSON values: their shape, and the bytes in base64."""
    return {"shape": [*pixels.shape], "pixels": base64.b64encode(pixels.tobytes()).decode()}


def pixels_of(encoded: dict[str, Any]) -> np.ndarray:
    """Return the uint8 values of a shape and bytes in base64, such as the image of a mistake.

    Raises:
        TypeError, ValueError: if the pixels are not base64, or the number of bytes does not match the shape.
    """
    content = base64.b64decode(encoded["pixels"], validate=True)
    if len(content) != math.prod(encoded["shape"]):  # NumPy raises other errors for a huge shape
        raise ValueError(f"expected {math.prod(encoded['shape'])} bytes, got {len(content)}")
    return np.frombuffer(content, np.uint8).reshape(encoded["shape"])


def write_predictions(predictions: Tensor, targets: Classes | Quantities, path: Path, sample: str = "image") -> None:
    """Write a CSV file with one row per sample: its index and its prediction.

    `sample` is the name of the column of indices. A prediction is the most probable label with the probability of each
    label, or the quantities in their units.

    Shape:
        predictions: (n, C) probabilities, or (n, K) outputs of a regression.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([sample, *prediction_columns(targets)])
    values = predictions.double().cpu().numpy()
    values = targets.decode(values) if isinstance(targets, Quantities) else values
    for index, cells in enumerate(prediction_cells(values, targets)):
        writer.writerow([index, *cells])
    write_durably(path, text.getvalue().encode())


def prediction_columns(targets: Classes | Quantities) -> list[str]:
    """Return the names of the columns of predictions."""
    return ["label", *(f"p{name}" for name in targets.names)] if isinstance(targets, Classes) else [*targets.names]


def prediction_cells(predictions: np.ndarray, targets: Classes | Quantities) -> Iterator[list[str]]:
    """Yield the cells of each row of predictions, (n, C) probabilities or (n, K) quantities in their units."""
    if isinstance(targets, Classes):
        for row in predictions:
            yield [targets.names[row.argmax()], *(f"{probability:.6g}" for probability in row)]
    else:
        for row in predictions:
            yield [f"{value:.9g}" for value in row]
