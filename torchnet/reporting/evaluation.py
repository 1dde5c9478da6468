"""Evaluation on a data set: logits, per-class metrics, the confusion matrix and the most confident mistakes."""

import base64
import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchnet.data import BatchLoader
from torchnet.network import MLP
from torchnet.step import scale_pixels
from torchnet.storage import write_durably

MAX_MISTAKES = 12  # the number of mistakes that a report shows


@torch.no_grad()
def evaluate(net: MLP, loader: BatchLoader) -> tuple[Tensor, Tensor]:
    """Run the network in evaluation mode on all samples; return logits and labels. The network's mode is restored.

    Shape:
        returns: (n, C) with the dtype of the weights and (n,) int64, on the loader's device.
    """
    was_training = net.training
    net.eval()
    dtype = next(net.parameters()).dtype
    try:
        outputs = [(net(scale_pixels(batch.images, dtype)), batch.targets) for batch in loader]
    finally:
        net.train(was_training)
    logits, labels = zip(*outputs, strict=True)
    return torch.cat(logits), torch.cat(labels)


def classification_report(predictions: Tensor, labels: Tensor, num_classes: int) -> dict[str, dict[str, float]]:
    """Return f1-score, precision, recall and support per class, and their averages, as scikit-learn defines them.

    With the true positives tp, false positives fp and false negatives fn of a class:

        precision = tp / (tp + fp)    recall = tp / (tp + fn)    f1-score = 2 tp / (2 tp + fp + fn)

    A ratio is 0 where it would be 0/0. "macro avg" is the unweighted mean over the classes, "weighted avg" the mean
    weighted by support. "micro avg" is computed from the summed counts of all classes and equals the accuracy.

    Shape:
        predictions: (n,) classes; labels: (n,).
        returns: {row: {column: value}} with the columns "0", "1", ..., "macro avg", "micro avg", "weighted avg".
    """
    counts = torch.tensor(confusion_matrix(predictions, labels, num_classes), dtype=torch.float64)
    tp, predicted, support = counts.diagonal(), counts.sum(dim=0), counts.sum(dim=1)  # tp, tp + fp, tp + fn
    total = len(labels)
    report: dict[str, dict[str, float]] = {}
    for row, part, whole in (
        ("f1-score", 2 * tp, predicted + support),
        ("precision", tp, predicted),
        ("recall", tp, support),
    ):
        by_class = part / whole.clamp(min=1)
        report[row] = {str(label): value for label, value in enumerate(by_class.tolist())}
        report[row]["macro avg"] = by_class.mean().item()
        report[row]["micro avg"] = (part.sum() / whole.sum()).item()
        report[row]["weighted avg"] = (by_class @ support / total).item()
    report["support"] = {str(label): int(count) for label, count in enumerate(support.tolist())}
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


def confident_mistakes(images: Tensor, logits: Tensor, labels: Tensor) -> list[dict[str, Any]]:
    """Return the misclassified images with the highest predicted probability, highest first, as JSON values.

    Each mistake has the keys "label", "predicted", "probabilities" (of all classes), "pixels" (the bytes of the image
    in base64) and "shape" (of the image).

    Shape:
        images: (n, ...) uint8; logits: (n, C); labels: (n,).
    """
    confidence, predicted = logits.softmax(dim=1).max(dim=1)
    wrong = (predicted != labels).nonzero().view(-1)
    worst = wrong[confidence[wrong].argsort(descending=True, stable=True)[:MAX_MISTAKES]]
    return [
        {
            "label": labels[k].item(),
            "predicted": predicted[k].item(),
            "probabilities": logits[k].softmax(dim=0).tolist(),
            "shape": list(images[k].shape),
            "pixels": base64.b64encode(images[k].cpu().numpy().tobytes()).decode(),
        }
        for k in worst.tolist()
    ]


def pixels_of(mistake: dict[str, Any]) -> np.ndarray:
    """Return the uint8 image of a mistake.

    Raises:
        TypeError, ValueError: if the pixels are not base64, or the number of bytes does not match the shape.
    """
    content = base64.b64decode(mistake["pixels"], validate=True)
    if len(content) != math.prod(mistake["shape"]):  # NumPy raises other errors for a huge shape
        raise ValueError(f"expected {math.prod(mistake['shape'])} bytes, got {len(content)}")
    return np.frombuffer(content, np.uint8).reshape(mistake["shape"])


def write_predictions(probabilities: Tensor, path: Path) -> None:
    """Write a CSV file with one row per image: its index, its most probable label and the probability of each label.

    Shape:
        probabilities: (n, C).
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["image", "label", *(f"p{label}" for label in range(probabilities.shape[1]))])
    for image, row in enumerate(probabilities):
        writer.writerow([image, row.argmax().item(), *(f"{probability:.6g}" for probability in row.tolist())])
    write_durably(path, text.getvalue().encode())
