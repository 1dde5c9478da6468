"""The name of a file that a command is to write."""

from collections.abc import Sequence
from pathlib import Path

from torchnet.runs.errors import UsageError
from torchnet.storage import is_checkpoint


def check_output(path: Path, suffixes: Sequence[str]) -> None:
    """Raise a UsageError for the name of a folder, of a checkpoint, or of another kind of file than is written.

    The suffix protects everything else in the folder of a run: configurations, logs and reports have others.
    """
    if path.is_dir():
        raise UsageError(f"{path}: expected a file name, got a folder")
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"{path}: expected a file name that ends with {' or '.join(suffixes)}")
    if is_checkpoint(path):
        raise UsageError(f"{path}: expected another name for the output, this is a checkpoint")
