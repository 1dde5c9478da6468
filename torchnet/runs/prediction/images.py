"""Predictions for image files: a table on the screen, and a picture of what the network saw."""

import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from torchnet.data import DataError, Pixels, Table, read_image, read_pixels, to_mnist_form
from torchnet.printable import printable
from torchnet.reporting import Answer, print_answers, write_answers_picture
from torchnet.runs.errors import UsageError, report_error
from torchnet.runs.load_network import TrainedNetwork
from torchnet.runs.prediction.loaded_run import LoadedRun, expect_finite

_THUMBNAIL = 200  # pixels, the size of the copies in the picture
_WIDE = 130  # columns of a table without a terminal


def predict_images(trained: TrainedNetwork, files: Sequence[Path], picture: Path, form: str | None = None) -> int:
    """Print the predictions for image files, draw what the network saw, and return the exit code.

    A file that is not an image is skipped with a line on stderr; the first such file sets the exit code.

    Raises:
        UsageError: if the network is not for images; CheckpointError: if the network gives no numbers; OSError: if the
            picture cannot be written.
    """
    answers: list[Answer] = []
    codes: list[int] = []
    for result in answers_to(files, trained, form):
        if isinstance(result, Answer):
            answers.append(result)
        else:
            codes.append(report_error(result))
    if answers:
        print_answers(answers, Console(width=None if sys.stdout.isatty() else _WIDE))
        write_answers_picture(answers, f"{trained.name}, after {trained.steps:,} steps", picture)
        print(f"what the network saw: {printable(picture)}")
    return codes[0] if codes else 0


def answers_to(
    files: Sequence[Path], trained: TrainedNetwork, form: str | None = None
) -> Iterator[Answer | DataError | OSError]:
    """Yield for each file the answer of a network, or the error of the file.

    Args:
        files: the images.
        trained: the network.
        form: "digits" to find a digit and bring it to the form of MNIST's, "raw" to resize the image; None for digits
            if the network was trained on such.

    Raises:
        UsageError: if the network is not for images; CheckpointError: if its outputs are Inf or NaN.
    """
    inputs, run = _image_inputs(trained, form), LoadedRun(trained)
    as_digit = form == "digits" or (form is None and inputs.digits)
    for path in files:
        try:
            colors = read_image(path)
            raw = _as_digit(path, colors, inputs) if as_digit else _resized(path, inputs)
        except (DataError, OSError) as error:
            yield error
            continue
        encoded = run.encoded(raw[None])
        values = expect_finite(trained.checkpoint, run.answers(encoded))[0]
        seen = inputs.drawn(encoded[0])
        yield Answer(path, _thumbnail(colors), seen, values, trained.preprocessing.targets, as_digit)


def _image_inputs(trained: TrainedNetwork, form: str | None) -> Pixels:
    inputs = trained.preprocessing.inputs
    if isinstance(inputs, Table):
        names = ", ".join(column.name[:60] for column in inputs.columns[:10])
        more = ", ..." if len(inputs.columns) > 10 else ""
        raise UsageError(
            f"{trained.checkpoint}: expected a .csv, .tsv, .parquet, .npy or .npz file with rows, as the network takes "
            f"columns {names}{more}"
        )
    is_square = len(inputs.shape) == 2 and inputs.shape[0] == inputs.shape[1]
    if (form == "digits" or (form is None and inputs.digits)) and not is_square:
        raise UsageError(
            f"{trained.checkpoint}: expected a network for square gray images, such as 28 x 28, for digits, got one "
            f"for images of shape {inputs.shape}"
        )
    if not inputs.is_image:
        raise UsageError(
            f"{trained.checkpoint}: expected a .npy or .npz file with an array (N, {inputs.in_features}), as the "
            "network takes flat rows of pixels"
        )
    return inputs


def _as_digit(path: Path, colors: np.ndarray, inputs: Pixels) -> np.ndarray:
    try:
        pixels = to_mnist_form(colors, inputs.shape[0])
    except DataError as error:  # its message has no file name
        raise DataError(f"{path}: {error}") from error
    return _in_range(pixels, inputs)


def _resized(path: Path, inputs: Pixels) -> np.ndarray:
    """Return the middle of an image in the size, the channels and the range of the training images."""
    drawn = inputs.drawn(np.zeros(inputs.shape, np.uint8))  # channels last
    with warnings.catch_warnings(action="ignore"):  # of Pillow
        pixels = read_pixels(path, drawn.shape[:2], "L" if drawn.ndim == 2 else "RGB")
    return _in_range(pixels if drawn.shape == inputs.shape else pixels.transpose(2, 0, 1), inputs)


def _in_range(pixels: np.ndarray, inputs: Pixels) -> np.ndarray:
    """Return bytes as pixels in the range of the training images."""
    if inputs.is_scaled_in_steps:
        return pixels
    return inputs.low + pixels * ((inputs.high - inputs.low) / 255)


def _thumbnail(colors: np.ndarray) -> np.ndarray:
    image = Image.fromarray(np.rint(255 * colors).astype(np.uint8))
    image.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    return np.asarray(image)
