"""Write files that survive a crash; open files that may be hostile."""

import errno
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


class CheckpointError(ValueError):
    """A checkpoint is missing, corrupt, hostile, or belongs to another network."""

    exit_code = 66


@contextmanager
def open_regular_file(
    path: Path, expected: str = "a checkpoint", error: type[ValueError] = CheckpointError
) -> Iterator[BinaryIO]:
    """Open a regular file for reading. Refuse folders, devices and pipes without waiting for or reading from them.

    Args:
        path: the file to open.
        expected: what the file should be, for the error message.
        error: the type of the exception to raise if `path` cannot be opened or is not a regular file.

    Raises:
        OSError: if the disk fails while the file is read. The error carries `path`.
    """
    try:
        file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115  the file is closed below
    except IsADirectoryError as failure:
        raise error(f"{path}: expected {expected}, got a folder: name a file in it") from failure
    except (OSError, ValueError) as failure:  # ValueError: the path contains a NUL
        cause = getattr(failure, "strerror", None) or str(failure)
        raise error(f"{path}: expected {expected}, got {cause!r}: name another one") from failure
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise error(f"{path}: expected {expected}, got a device or a pipe: name a regular file")
        try:
            yield file
        except OSError as failure:
            raise OSError(failure.errno or errno.EIO, failure.strerror or str(failure), str(path)) from failure


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)  # without O_NONBLOCK, a FIFO waits for a writer


def write_durably(path: Path, content: bytes) -> None:
    """Write a file atomically: after a crash at any moment, `path` holds either the old or the complete new content.

    The content is written to a temporary file in the same folder, fsynced, read back, and renamed to `path`. Then the
    folder is fsynced, so that the new name survives too. If a step fails, the temporary file is removed. Only if the
    last fsync fails does `path` already hold the new content. The folder must exist.

    A symbolic link or a pipe at `path` is replaced; it is never followed or opened.

    Raises:
        OSError: if the file cannot be written. The error carries `path` and the cause.
    """
    _replace(path, content, durable=True)


def write_quickly(path: Path, content: bytes) -> None:
    """Write a file that is easy to make again: as `write_durably`, without fsync and without reading it back."""
    _replace(path, content, durable=False)


def make_folder(path: Path) -> None:
    """Create a folder in the folder of a run, unless it exists.

    Raises:
        OSError: if `path` is a file, or a symbolic link: what is written there could end up anywhere.
    """
    for is_other, kind in ((path.is_symlink(), "a symbolic link"), (path.exists() and not path.is_dir(), "a file")):
        if is_other:
            raise OSError(errno.ENOTDIR, f"expected a folder, got {kind}: remove it", str(path))
    path.mkdir(exist_ok=True)


def remove_temporary_files(folder: Path) -> None:
    """Remove the temporary files that a killed process has left in a folder."""
    for path in folder.glob(f".*.{'[0-9a-f]' * 8}.part"):
        with suppress(OSError):  # it may be a folder of this name
            path.unlink()


def _replace(path: Path, content: bytes, durable: bool) -> None:
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        if durable:
            _write(temporary, content)
            _verify(temporary, content)
        else:
            temporary.write_bytes(content)
        os.replace(temporary, path)
        if durable:
            _fsync_folder(path.parent)
    except OSError as error:  # it names the temporary file, or no file at all
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error
    finally:
        with suppress(OSError):  # it does not exist after the renaming
            temporary.unlink()


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _verify(path: Path, content: bytes) -> None:
    with path.open("rb") as file:
        if file.read() != content:
            raise OSError(errno.EIO, "the disk returned other bytes than were written")


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # the file system does not support fsync of a folder
            raise
    finally:
        os.close(descriptor)
