"""What a trained network says about image files, for `train.py predict` and `python -m torchnet predict` alike."""

import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console

from torchnet.data import DataError, read_image, scale_pixels, to_mnist_form
from torchnet.reporting import PICTURE_SUFFIXES, Answer, print_answers, write_answers_picture
from torchnet.runs.errors import CheckpointError, UsageError, report_error
from torchnet.runs.folders import run_of
from torchnet.runs.load_network import Trained, load_trained

PICTURE = "predictions.png"  # in the folder of the run
_THUMBNAIL = 200  # pixels, of the copies that are kept for the picture
_WIDE = 130  # columns of a table where no terminal sets the width


def predict_image_files(checkpoint: Path, files: Sequence[Path], output: Path | None = None) -> int:
    """Print what the network of a run says about images, write a picture of it, and return the exit code.

    A file that is no image with a digit is passed over with a line on stderr; the exit code is that of the first one.

    Args:
        checkpoint: of the run.
        files: the images.
        output: of the picture; predictions.png in the folder of the run if None.

    Raises:
        UsageError: if the network is not one of square images, or the picture cannot have that name.
        CheckpointError: if the checkpoint cannot be used; OSError: if the picture cannot be written.
    """
    picture = output or run_of(checkpoint) / PICTURE
    if picture.suffix.lower() not in PICTURE_SUFFIXES:
        raise UsageError(f"{picture}: expected the name of a {', '.join(PICTURE_SUFFIXES)} file for the picture")
    if any(os.path.realpath(file) == os.path.realpath(picture) for file in files):
        raise UsageError(f"{picture}: expected another name for the picture, this is one of the images")
    trained = load_trained(checkpoint)
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
        print(f"what the network saw: {picture}")
    return codes[0] if codes else 0


def answers_to(files: Sequence[Path], trained: Trained) -> Iterator[Answer | DataError | OSError]:
    """Yield for each file what a network says, or what is wrong with the file.

    Raises:
        UsageError: if the network is not one of square images; CheckpointError: if its answer is not finite.
    """
    size = math.isqrt(trained.in_features)
    if size**2 != trained.in_features:
        raise UsageError(
            f"{trained.checkpoint}: expected a network of square images, such as 28 x 28, got one of "
            f"{trained.in_features} inputs: what is beside what in them is not known"
        )
    for path in files:
        try:
            colors = read_image(path)
        except (DataError, OSError) as error:
            yield error
            continue
        try:
            seen = to_mnist_form(colors, size)
        except DataError as error:  # it does not know the file
            yield DataError(f"{path}: {error}")
            continue
        yield Answer(path, _thumbnail(colors), seen, _probabilities(trained, seen))


@torch.no_grad()
def _probabilities(trained: Trained, seen: np.ndarray) -> np.ndarray:
    dtype = next(trained.net.parameters()).dtype
    logits = trained.net(scale_pixels(torch.from_numpy(seen).reshape(1, -1), dtype))
    if not logits.isfinite().all():
        raise CheckpointError(f"{trained.checkpoint}: expected a network that answers with finite numbers")
    return logits.softmax(dim=1)[0].double().numpy()


def _thumbnail(colors: np.ndarray) -> np.ndarray:
    image = Image.fromarray(np.rint(255 * colors).astype(np.uint8))
    image.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    return np.asarray(image)
