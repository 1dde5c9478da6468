"""The public names and the modules that define them. Each module is imported when one of its names is first used."""

from .checkpoint import is_checkpoint, read_checkpoint, write_checkpoint
from .contents import plain
from .safe_files import (
    CheckpointError,
    make_folder,
    open_regular_file,
    remove_temporary_files,
    write_durably,
    write_quickly,
)
from .weights import read_weights, read_weights_and_metadata, write_weights

__all__ = [
    "CheckpointError",
    "is_checkpoint",
    "make_folder",
    "open_regular_file",
    "plain",
    "read_checkpoint",
    "read_weights",
    "read_weights_and_metadata",
    "remove_temporary_files",
    "write_checkpoint",
    "write_durably",
    "write_quickly",
    "write_weights",
]
