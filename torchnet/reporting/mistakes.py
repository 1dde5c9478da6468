"""What a network gets wrong: which classes it takes for which, and the images of which it was most sure."""

import base64
from typing import Any

import numpy as np
import torch
from torch import Tensor

MOST = 12  # mistakes that a report shows


def confusion_matrix(predictions: Tensor, labels: Tensor, num_classes: int) -> list[list[int]]:
    """Return how many samples of each class (row) were taken for each class (column), as scikit-learn counts them.

    Shape:
        predictions: (n,) classes; labels: (n,).
        returns: C rows of C.
    """
    cells = torch.bincount(labels * num_classes + predictions, minlength=num_classes * num_classes)
    rows: list[list[int]] = cells.view(num_classes, num_classes).tolist()
    return rows


def confident_mistakes(images: Tensor, logits: Tensor, labels: Tensor) -> list[dict[str, Any]]:
    """Return the wrongly classified images of which the network was most sure, the surest first, as plain values.

    Of each: "label", "predicted", "probabilities" of all classes, and the image, "pixels" (its bytes in base64) with
    their "shape".

    Shape:
        images: (n, ...) uint8; logits: (n, C); labels: (n,).
    """
    sure, predicted = logits.softmax(dim=1).max(dim=1)
    wrong = (predicted != labels).nonzero().view(-1)
    surest = wrong[sure[wrong].argsort(descending=True, stable=True)[:MOST]]
    return [
        {
            "label": labels[k].item(),
            "predicted": predicted[k].item(),
            "probabilities": logits[k].softmax(dim=0).tolist(),
            "shape": list(images[k].shape),
            "pixels": base64.b64encode(images[k].cpu().numpy().tobytes()).decode(),
        }
        for k in surest.tolist()
    ]


def pixels_of(mistake: dict[str, Any]) -> np.ndarray:
    """Return the image of a mistake, uint8.

    Raises:
        ValueError: if there are not as many bytes as its shape says.
    """
    return np.frombuffer(base64.b64decode(mistake["pixels"]), np.uint8).reshape(mistake["shape"])
