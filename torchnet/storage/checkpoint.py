"""A checkpoint: a file of `torch.save`, sealed by its digest, that is read only in the form in which it is written."""

import io
from pathlib import Path
from typing import Any, BinaryIO

import torch

from torchnet.storage.archive import members
from torchnet.storage.contents import plain
from torchnet.storage.durable import write_durably
from torchnet.storage.errors import CheckpointError
from torchnet.storage.opening import open_file
from torchnet.storage.pickle_form import check_pickle
from torchnet.storage.seal import seal, verify_seal

_MAX_PICKLE = 2**24  # bytes; a tensor takes about 200, its content none


def write_checkpoint(path: Path, contents: dict[str, Any]) -> None:
    """Write a checkpoint durably: see `write_durably`.

    Args:
        path: the file; `torch.load(path, weights_only=True)` opens it too.
        contents: dict, list, tuple, str, int, float, bool, None and tensors within each other.

    Raises:
        TypeError: if something else is among the contents; OSError: if the file cannot be written.
    """
    archive = io.BytesIO()
    torch.save(plain(contents), archive)
    _check_form(archive, len(archive.getbuffer()))  # never write what would not be read
    write_durably(path, seal(archive.getvalue()))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the contents of a checkpoint, with its tensors in the CPU's memory.

    Raises:
        CheckpointError: if it is not exactly as `write_checkpoint` wrote it; in one sentence, naming the file, the
            fault and what to do; OSError: if the disk fails to read it.
    """
    with open_file(path) as file:
        try:
            return _read(file)
        except ValueError as error:
            raise CheckpointError(f"{path}: {error}: start from another checkpoint") from error


def _read(file: BinaryIO) -> dict[str, Any]:
    _check_form(file, verify_seal(file))
    file.seek(0)
    try:
        contents: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever torch still finds wrong: RuntimeError, UnpicklingError, ...
        raise ValueError(f"expected what torch.load can read, got {str(error)[:100]!r}") from error
    return contents


def _check_form(file: BinaryIO, size: int) -> None:
    pickle, storages = members(file, size)
    if pickle.size > _MAX_PICKLE:
        raise ValueError(f"expected a pickle of at most {_MAX_PICKLE} bytes, got {pickle.size}")
    file.seek(pickle.start)
    check_pickle(file.read(pickle.size), [storage.size for storage in storages])
