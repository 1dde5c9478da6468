"""Predictions as a file."""

import csv
import io
from pathlib import Path

from torch import Tensor

from torchnet.storage import write_durably


def write_predictions(probabilities: Tensor, path: Path) -> None:
    """Write a CSV file with a line for each image: its number, the most probable label, the probability of each label.

    Shape:
        probabilities: (n, C).

    Raises:
        OSError: if the file cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["image", "label", *(f"p{label}" for label in range(probabilities.shape[1]))])
    for image, row in enumerate(probabilities):
        writer.writerow([image, row.argmax().item(), *(f"{probability:.6g}" for probability in row.tolist())])
    write_durably(path, text.getvalue().encode())
