"""A disk that is full, or fails in other ways, while a file is written to it."""

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from unittest import mock

from torchnet.storage import durable

SIZES = (0, 1, 100, 4095, 4096, 10_000, 15_000, 20_000)  # bytes that fit on a full disk


def faults() -> Iterator[tuple[str, Callable[[], AbstractContextManager[object]], int]]:
    """Return each fault: its name, what brings it about, and the number of the error."""
    for size in SIZES:
        yield f"no file may be larger than {size} bytes", lambda size=size: _file_size(size), errno.EFBIG
    yield "no space while writing", lambda: _failing_write(errno.ENOSPC), errno.ENOSPC
    yield "no space in fsync", lambda: failing("os.fsync", errno.ENOSPC), errno.ENOSPC
    yield "the disk fails in fsync", lambda: failing("os.fsync", errno.EIO), errno.EIO
    yield "no space in replace", lambda: failing("os.replace", errno.ENOSPC), errno.ENOSPC
    # Root may write into any folder, so that a real one that is read-only would prove nothing where tests run as root.
    yield "read-only", lambda: mock.patch.object(Path, "open", _raising(errno.EROFS)), errno.EROFS
    yield "the disk gives back something else", _forgetful, errno.EIO


@contextmanager
def _file_size(most: int) -> Iterator[None]:
    """Let no file grow beyond a size: the kernel refuses it. Python ignores the signal that goes with that."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _raising(number: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))  # as of a file descriptor: without a path

    return fail


def failing(function: str, number: int) -> AbstractContextManager[object]:
    return mock.patch(function, _raising(number))


@contextmanager
def _failing_write(number: int) -> Iterator[None]:
    """Write a part of the content, and fail then."""
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
    write = durable._write
    with mock.patch.object(durable, "_write", lambda path, content: write(path, content[:-1] + b"?")):
        yield
