"""Predictions for image files: `python -m torchnet predict RUN FILES` and `train.py predict --ckpt_path RUN FILES`."""

import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console

from torchnet.data import DataError, read_image, to_mnist_form
from torchnet.printable import printable
from torchnet.reporting import PICTURE_SUFFIXES, Answer, print_answers, write_answers_picture
from torchnet.runs.errors import UsageError, report_error
from torchnet.runs.folders import FoundCheckpoint, run_of
from torchnet.runs.load_network import TrainedNetwork, load_network
from torchnet.runs.output_file import check_output
from torchnet.step import scale_pixels
from torchnet.storage import CheckpointError

PICTURE = "predictions.png"  # in the folder of the run
_THUMBNAIL = 200  # pixels, the size of the copies in the picture
_WIDE = 130  # columns of a table without a terminal


def predict_image_files(
    found: FoundCheckpoint, files: Sequence[Path], output: Path | None = None, trust: bool = False
) -> int:
    """Print the predictions for image files, draw what the network saw, and return the exit code.

    A file that is not an image of a digit is skipped with a line on stderr; the first such file sets the exit code.

    Args:
        found: the checkpoint of a run.
        files: the images.
        output: the picture to write; None for predictions.png in the folder of the run.
        trust: whether a layer that is not torchnet's may be imported.

    Raises:
        UsageError: if the network is not for square images, or the name of the picture cannot be used.
        CheckpointError: if the checkpoint cannot be used; OSError: if the picture cannot be written.
    """
    picture = output or run_of(found.path) / PICTURE
    check_output(picture, PICTURE_SUFFIXES)
    if any(os.path.realpath(file) == os.path.realpath(picture) for file in files):
        raise UsageError(f"{picture}: expected another name for the picture, this is one of the images")
    trained = load_network(*found, trust)
    answers: list[Answer] = []
    codes: list[int] = []
    for result in answers_to(files, trained):
        if isinstance(result, Answer):
            answers.append(result)
        else:
            codes.append(report_error(result))
    if answers:
        print_answers(answers, Console(width=None if sys.stdout.isatty() else _WIDE))
        write_answers_picture(answers, f"{trained.name}, after {trained.steps:,} steps", picture)
        print(f"what the network saw: {printable(picture)}")
    return codes[0] if codes else 0


def answers_to(files: Sequence[Path], trained: TrainedNetwork) -> Iterator[Answer | DataError | OSError]:
    """Yield for each file the answer of a network, or the error of the file.

    Raises:
        UsageError: if the network is not for square images; CheckpointError: if its outputs are Inf or NaN.
    """
    size = math.isqrt(trained.in_features)
    if size**2 != trained.in_features:
        raise UsageError(
            f"{trained.checkpoint}: expected a network for square images, such as 28 x 28, got one "
            f"with {trained.in_features} inputs"
        )
    for path in files:
        try:
            colors = read_image(path)
        except (DataError, OSError) as error:
            yield error
            continue
        try:
            seen = to_mnist_form(colors, size)
        except DataError as error:  # its message has no file name
            yield DataError(f"{path}: {error}")
            continue
        yield Answer(path, _thumbnail(colors), seen, _probabilities(trained, seen))


@torch.no_grad()
def _probabilities(trained: TrainedNetwork, seen: np.ndarray) -> np.ndarray:
    dtype = next(trained.net.parameters()).dtype
    logits = trained.net(scale_pixels(torch.from_numpy(seen).reshape(1, -1), dtype))
    if not logits.isfinite().all():
        raise CheckpointError(f"{trained.checkpoint}: expected a network with finite outputs, got Inf or NaN")
    return logits.softmax(dim=1)[0].double().numpy()


def _thumbnail(colors: np.ndarray) -> np.ndarray:
    image = Image.fromarray(np.rint(255 * colors).astype(np.uint8))
    image.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    return np.asarray(image)
