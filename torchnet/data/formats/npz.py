"""NumPy's .npz archives with the arrays x_train, y_train, x_test and y_test, as Keras stores MNIST, or just x and y.

Archives are untrusted: their members are found by their exact names, and pickles are never loaded.
"""

import errno
import math
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import IO, BinaryIO

import numpy as np
from numpy.lib import format as npy

from torchnet.data.dataset import DataError, Dataset, verify
from torchnet.data.memory import expect_fits
from torchnet.storage import open_regular_file

_SAMPLES = ("x_test", "x")  # the names of an array to predict, the preferred one first
_SETS = (("x_train", "y_train", "x_test", "y_test"), ("x", "y"))  # X and Y may be capital
_MAX_HEADER = 1024  # bytes; NumPy writes 128
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those that NumPy writes; the others use unbounded memory


def read_npz(path: Path, file: BinaryIO) -> Dataset:
    """Read an .npz archive: inputs as `verify` expects them, and targets, which are numbers, text or booleans.

    `path` is the file's name, for error messages.

    Raises:
        DataError: if the file is corrupt, too large, or an array is missing, malformed or pickled.
    """
    with _explained(path), zipfile.ZipFile(file) as archive:
        members = _members(archive)
        expect_fits(path, sum(member.file_size for member in members.values()))
        arrays = [_read_array(archive, name, member) for name, member in members.items()]
    test: Sequence[np.ndarray | None] = arrays[2:] or (None, None)
    return verify(path, arrays[0], arrays[1], test[0], test[1])


def read_samples(path: Path) -> np.ndarray:
    """Return the array of a .npy file; of an .npz archive the only one, x_test or x.

    Raises:
        DataError: if the file is corrupt, too large, or has no such array; OSError: if the disk fails.
    """
    with open_regular_file(path, "an array", DataError) as file, _explained(path):
        if path.suffix.lower() != ".npz":
            size = file.seek(0, os.SEEK_END)
            expect_fits(path, size)
            file.seek(0)
            _expect_size(file, size)
            file.seek(0)
            return npy.read_array(file, allow_pickle=False, max_header_size=_MAX_HEADER)
        with zipfile.ZipFile(file) as archive:
            stored = {it.filename.removesuffix(".npy").lower(): it for it in archive.infolist()}
            name = next((name for name in _SAMPLES if name in stored), next(iter(stored), ""))
            if not stored or (name not in _SAMPLES and len(stored) > 1):
                raise ValueError(f"expected an array x_test or x, or a single one, got {', '.join(stored) or 'none'}")
            expect_fits(path, stored[name].file_size)
            return _read_array(archive, name, stored[name])


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn the errors of NumPy and zipfile into a DataError."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # ValueError, BadZipFile, MemoryError and others
        # An OSError is a fault of the disk, except for EINVAL: a seek to a negative offset that the file contains.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        kind = "archive" if path.suffix.lower() == ".npz" else "file"
        raise DataError(f"{path}: not a readable {path.suffix.lower()} {kind} ({shorten(str(error), 300)})") from error


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the members with the arrays of a data set, by name."""
    stored = [info for info in archive.infolist() if info.filename.endswith(".npy")]
    lower = [info.filename.removesuffix(".npy").lower() for info in stored]
    names = _SETS[1] if {*_SETS[1]} <= {*lower} and not {*_SETS[0]} <= {*lower} else _SETS[0]
    for name in names:
        if lower.count(name) != 1:
            there = ", ".join(info.filename.removesuffix(".npy")[:40] for info in stored[:8]) or "none"
            raise ValueError(
                f"expected one array {name}, got {lower.count(name)}: store {', '.join(_SETS[0])}, or x and y; the "
                f"arrays are {there}"
            )
    return {name: stored[lower.index(name)] for name in names}


def _read_array(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> np.ndarray:
    if info.compress_type not in _METHODS:
        raise ValueError(f"array {name}: expected the compression of NumPy (stored or deflated), got another one")
    with archive.open(info) as member:
        try:
            _expect_size(member, info.file_size)
        except ValueError as error:
            raise ValueError(f"array {name}: {error}") from error
    with archive.open(info) as member:
        array = npy.read_array(member, allow_pickle=False, max_header_size=_MAX_HEADER)
        if member.read(1):  # reading to the end verifies the checksum
            raise ValueError(f"array {name}: expected {array.nbytes} bytes of data, got more")
    return np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array


def _expect_size(member: IO[bytes], size: int) -> None:
    """Refuse a header that says another size than the archive does, before any array is allocated."""
    version = npy.read_magic(member)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read_header is None:
        raise ValueError(f"expected a file of version 1.0 or 2.0, got {version}")
    shape, _, dtype = read_header(member, max_header_size=_MAX_HEADER)
    if dtype.hasobject:
        raise ValueError("expected numbers or text, got objects, which are never loaded: store labels.astype(str)")
    expected = math.prod(shape) * dtype.itemsize
    if member.tell() + expected != size:
        raise ValueError(f"expected {expected} bytes of data for {dtype} {shape}, got {size - member.tell()}")
