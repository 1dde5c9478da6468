"""Predictions as a file."""

import csv
from pathlib import Path

from torch import Tensor


def write_predictions(probabilities: Tensor, path: Path) -> None:
    """Write a CSV file with a line for each image: its number, the most probable label, the probability of each label.

    Shape:
        probabilities: (n, C).

    Raises:
        OSError: if the file cannot be written.
    """
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", *(f"p{label}" for label in range(probabilities.shape[1]))])
        for image, row in enumerate(probabilities):
            writer.writerow([image, row.argmax().item(), *(f"{probability:.6g}" for probability in row.tolist())])
