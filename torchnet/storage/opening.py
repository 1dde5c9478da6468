"""Opening a file that someone else may have put there."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from torchnet.storage.errors import CheckpointError


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file to read from; whatever else is at the path, it neither hangs nor is touched.

    Raises:
        CheckpointError: if there is no file that can be opened; OSError, with the path, if the disk fails to read it.
    """
    try:
        # Without O_NONBLOCK the opening of a FIFO waits for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        cause = getattr(error, "strerror", None) or str(error)
        raise CheckpointError(f"{path}: expected a checkpoint, got {cause!r}: name another one") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise CheckpointError(f"{path}: expected a checkpoint, got something that is no file: name another one")
        with open(descriptor, "rb", closefd=False) as file:
            yield file
    except OSError as error:
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error
    finally:
        os.close(descriptor)
