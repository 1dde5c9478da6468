"""A file appears under its name whole, and only once it is on the disk; or not at all."""

import errno
import os
import uuid
from pathlib import Path

_CHUNK = 2**20  # bytes


def write_durably(path: Path, content: bytes) -> None:
    """Write a file so that a crash at any moment leaves what was at the path before, or the new content, whole.

    The content goes to a temporary file beside the path, which is forced to the disk and read back before it takes
    the path; then the folder, which holds the name, is forced to the disk too. If any of this fails, the temporary
    file is removed. Only a failure of the last step finds the new content, whole, at the path already.

    Args:
        path: the file; its folder must exist.
        content: what is to be in it.

    Raises:
        OSError: if it cannot be written; it carries the path and the cause.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        try:
            _write(temporary, content)
            _verify(temporary, content)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _force_to_disk(path.parent)
    except OSError as error:  # it names the temporary file, or none at all
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _verify(path: Path, content: bytes) -> None:
    expected, position = memoryview(content), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if chunk != expected[position : position + len(chunk)]:
                break
            position += len(chunk)
    if position != len(expected):
        raise OSError(errno.EIO, "the disk does not give back what was written")


def _force_to_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # so say file systems that cannot do it for a folder
            raise
    finally:
        os.close(descriptor)
