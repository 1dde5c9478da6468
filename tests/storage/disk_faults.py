"""Disks that are full or fail while a file is written."""

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from unittest import mock

from torchnet.storage import safe_files

SIZES = (0, 1, 100, 4095, 4096, 10_000, 15_000, 20_000)  # free bytes on a full disk


def faults() -> Iterator[tuple[str, Callable[[], AbstractContextManager[object]], int]]:
    """Yield each fault: its name, a context manager that causes it, and the errno."""
    for size in SIZES:
        yield f"files limited to {size} bytes", lambda size=size: _file_size(size), errno.EFBIG
    yield "no space while writing", lambda: _failing_write(errno.ENOSPC), errno.ENOSPC
    yield "no space in fsync", lambda: failing("os.fsync", errno.ENOSPC), errno.ENOSPC
    yield "the disk fails in fsync", lambda: failing("os.fsync", errno.EIO), errno.EIO
    yield "no space in replace", lambda: failing("os.replace", errno.ENOSPC), errno.ENOSPC
    # The fault is simulated because root, as whom the tests may run, can write to a read-only folder.
    yield "read-only", lambda: mock.patch.object(Path, "open", _raising(errno.EROFS)), errno.EROFS
    yield "the disk returns other bytes", _forgetful, errno.EIO


@contextmanager
def _file_size(most: int) -> Iterator[None]:
    """Let the kernel limit the size of files. Python ignores the signal that it sends."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _raising(number: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))  # without a path, like the errors of a file descriptor

    return fail


def failing(function: str, number: int) -> AbstractContextManager[object]:
    return mock.patch(function, _raising(number))


@contextmanager
def _failing_write(number: int) -> Iterator[None]:
    """Fail after a part of the content is written."""
    whole = Path.open

    def opened(path: Path, mode: str):
        file = whole(path, mode)
        if mode == "xb":
            part = mock.MagicMock(wraps=file)
            part.__enter__.return_value = part
            part.__exit__.side_effect = lambda *_: file.close()
            part.write.side_effect = lambda content: (file.write(content[:1000]), _raising(number)())
            return part
        return file

    with mock.patch.object(Path, "open", opened):
        yield


@contextmanager
def _forgetful() -> Iterator[None]:
    write = safe_files._write
    with mock.patch.object(safe_files, "_write", lambda path, content: write(path, content[:-1] + b"?")):
        yield
