"""Checkpoints: files written by `torch.save` and protected by a SHA-256 digest.

A zip archive may end with a comment. The comment of a checkpoint is its digest, so every zip reader still opens the
file. The digest covers the archive as it was before the comment was added:

    checkpoint = archive without its last two bytes, length of the comment, comment

The last two bytes of the archive are the length of its comment, zero. Each byte of a checkpoint is therefore either
covered by the digest or has only one accepted value.
"""

import hashlib
import io
import os
from pathlib import Path
from typing import Any, BinaryIO

import torch

from torchnet.storage.archive import members
from torchnet.storage.contents import plain
from torchnet.storage.pickle_check import check_pickle
from torchnet.storage.safe_files import CheckpointError, open_regular_file, write_durably

_MAX_PICKLE = 2**24  # bytes; a tensor takes about 200, without its elements
_CHUNK = 2**20  # bytes
_COMMENT_SIZE = 80  # bytes: 16 of the prefix, 64 of the digest
_COMMENT_START = _COMMENT_SIZE.to_bytes(2, "little") + b"torchnet sha256 "
_END = b"PK\x05\x06"  # signature of the last record, which has 22 bytes without its comment
_END_SIZE = 22


def write_checkpoint(path: Path, contents: dict[str, Any]) -> None:
    """Write nested dicts, lists and tuples of str, int, float, bool, None and tensors with `write_durably`.

    `torch.load(path, weights_only=True)` reads the checkpoint too.

    Raises:
        TypeError: if `contents` holds a value of another type; OSError: if the file cannot be written.
    """
    archive = io.BytesIO()
    torch.save(plain(contents), archive)
    _check_format(archive, len(archive.getbuffer()))  # never write a file that read_checkpoint would refuse
    write_durably(path, add_digest(archive.getvalue()))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the contents of a checkpoint, with its tensors in CPU memory.

    Raises:
        CheckpointError: if the file is not exactly as `write_checkpoint` wrote it; OSError: if the disk fails.
    """
    with open_regular_file(path) as file:
        try:
            _check_format(file, verify_digest(file))
            file.seek(0)
            return _load(file)
        except ValueError as error:
            raise CheckpointError(f"{path}: {error}: start from another checkpoint") from error


def is_checkpoint(path: Path) -> bool:
    """Return whether a file ends as a checkpoint does, with a digest, which may be wrong."""
    if not path.is_file():
        return False
    with open_regular_file(path) as file:
        return _end(file).startswith(_COMMENT_START, _END_SIZE - 2)


def add_digest(archive: bytes) -> bytes:
    """Return an archive, which must have no comment, with its SHA-256 digest as the comment."""
    return archive[:-2] + _COMMENT_START + hashlib.sha256(archive).hexdigest().encode()


def verify_digest(file: BinaryIO) -> int:
    """Return the size of the archive that the digest covers; raise a ValueError if the digest is missing or wrong.

    The end of the file is read first, so that a large file of another kind is refused at once.
    """
    end = _end(file)
    covered = file.tell() - _COMMENT_SIZE - 2
    if end[:4] != _END or not end.startswith(_COMMENT_START, _END_SIZE - 2):
        raise ValueError("expected a checkpoint that ends with its SHA-256, got a file that does not")
    digest, left = hashlib.sha256(), covered
    file.seek(0)
    while left > 0 and (chunk := file.read(min(_CHUNK, left))):
        digest.update(chunk)
        left -= len(chunk)
    digest.update(b"\0\0")  # the length of the comment, before there was one
    if digest.hexdigest().encode() != end[-64:]:
        raise ValueError("expected a checkpoint with the SHA-256 that is stored at its end, got a corrupt one")
    return covered + 2


def _end(file: BinaryIO) -> bytes:
    """Return the last record of the archive, with its comment."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _COMMENT_SIZE - _END_SIZE))
    return file.read()


def _load(file: BinaryIO) -> dict[str, Any]:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises RuntimeError, UnpicklingError and others
        raise ValueError(f"expected a file that torch.load can read, got {str(error)[:100]!r}") from error


def _check_format(file: BinaryIO, size: int) -> None:
    """Check the archive and its pickle without unpickling anything."""
    pickle, storages = members(file, size)
    if pickle.size > _MAX_PICKLE:
        raise ValueError(f"expected a pickle of at most {_MAX_PICKLE} bytes, got {pickle.size}")
    file.seek(pickle.start)
    check_pickle(file.read(pickle.size), [storage.size for storage in storages])
