"""Predictions for files: `python -m torchnet predict RUN FILES` and `train.py predict --ckpt_path RUN FILES`."""

import os
from collections.abc import Sequence
from pathlib import Path

from torchnet.data import is_table
from torchnet.reporting import PICTURE_SUFFIXES
from torchnet.runs.errors import UsageError
from torchnet.runs.folders import run_of
from torchnet.runs.load_network import TrainedNetwork
from torchnet.runs.output_file import check_output
from torchnet.runs.prediction.images import predict_images
from torchnet.runs.prediction.rows import ARRAYS, predict_rows

PICTURE, ROWS = "predictions.png", "predictions.csv"  # in the folder of the run


def predict_files(
    trained: TrainedNetwork, files: Sequence[Path], output: Path | None = None, form: str | None = None
) -> int:
    """Predict images, or the rows of a table or an array; write the predictions; return the exit code.

    Args:
        trained: the network.
        files: images; or one table, .npy or .npz file.
        output: the file to write; None for predictions.png or predictions.csv in the folder of the run.
        form: how images are prepared: "raw", "digits", or None for what the network was trained on.

    Raises:
        UsageError: if the network is not for such files, or the name of the output cannot be used.
        CheckpointError: if the network gives no numbers; OSError: if the output cannot be written.
    """
    has_rows = [is_table(file) or file.suffix.lower() in ARRAYS for file in files]
    if any(has_rows) and len(files) > 1:
        raise UsageError(f"expected images, or one table or array at a time, got {len(files)} files")
    if any(has_rows) and form is not None:
        raise UsageError(f"{files[0]}: expected images with --raw or --as-digits, got rows: leave the option out")
    path = output or run_of(trained.checkpoint) / (ROWS if any(has_rows) else PICTURE)
    check_output(path, [".csv"] if any(has_rows) else PICTURE_SUFFIXES)
    if any(os.path.realpath(file) == os.path.realpath(path) for file in files):
        what = "the picture, this is one of the images" if not any(has_rows) else "the output, this is the input"
        raise UsageError(f"{path}: expected another name for {what}")
    if any(has_rows):
        predict_rows(trained, files[0], path)
        return 0
    return predict_images(trained, files, path, form)
