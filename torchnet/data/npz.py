"""NumPy's .npz archives with x_train, y_train, x_test and y_test: how Keras keeps MNIST, and how to bring your own.

An archive may come from a stranger. Its members are read one by one and by their exact names, no pickle is ever loaded,
and nothing is decompressed before the header of its array has been found to be honest.
"""

import errno
import io
import math
import zipfile
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
from numpy.lib import format as npy

from torchnet.data.dataset import DataError, Dataset, verify

_NAMES = ("x_train", "y_train", "x_test", "y_test")
_MAX_BYTES = 2**30  # of one array: room for twenty times MNIST
_MAX_HEADER = 1024  # bytes; NumPy writes 128
_HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what NumPy writes; the others know no bounded memory


def read_npz(path: Path) -> Dataset:
    """Read an .npz archive: images as uint8 (n, height, width) or (n, features), labels as integers (n,).

    Raises:
        DataError: if the file is damaged, an array is missing or is not what it should be. Pickled objects are refused.
    """
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise DataError(f"{path}: not an .npz archive, or cut short")
            with zipfile.ZipFile(file) as archive:
                members = {name: _Member(path, archive, name) for name in _NAMES}
                for images, labels in (("x_train", "y_train"), ("x_test", "y_test")):
                    _expect_as_many(path, members[images], members[labels])
                arrays = [member.read() for member in members.values()]
    except DataError:
        raise
    except Exception as error:  # numpy and zipfile let whatever they meet escape: BadZipFile, MemoryError, ...
        # The disk's fault, not the file's; but a place before the beginning of the file is one that the file has named.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise DataError(f"{path}: not a readable .npz archive ({shorten(str(error), 200)})") from error
    return verify(path, *arrays)


class _Member:
    """An array in an archive, whose header has been read and holds what it says."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, name: str) -> None:
        self.path, self.name, self._archive = path, name, archive
        found = [info for info in archive.infolist() if info.filename == f"{name}.npy"]
        if not found:
            raise DataError(f"{path}: there is no array {name}: expected {', '.join(_NAMES)}")
        self._info = found[0]
        if len(found) > 1:
            raise self.error(f"there are {len(found)} of that name: which one is meant is not known")
        if self._info.compress_type not in _METHODS or self._info.flag_bits & 1:
            raise self.error("expected it plain or deflated, as NumPy writes it, got another compression or encryption")
        with archive.open(self._info) as file:
            self.shape, self._fortran_order, self.dtype, self._start = self._header(file.read(_MAX_HEADER))
        if self.dtype.kind not in "biuf":
            raise self.error(f"expected numbers, got the dtype {self.dtype}: pickled objects and records are refused")
        if any(size < 0 for size in self.shape):
            raise self.error(f"expected sizes from 0 up, got {self.shape}")
        self._size = math.prod(self.shape) * self.dtype.itemsize
        if self._size > _MAX_BYTES:
            raise self.error(f"the header says {self._size} bytes of data, more than the {_MAX_BYTES} that are read")
        if self._start + self._size != self._info.file_size:
            raise self.error(
                f"the header says {self._size} bytes of data, the archive has {self._info.file_size - self._start}"
            )

    def error(self, reason: str) -> DataError:
        return DataError(f"{self.path}: array {self.name}: {reason}")

    def _header(self, beginning: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
        file = io.BytesIO(beginning)
        try:
            read = _HEADER_READERS[npy.read_magic(file)]
            return *read(file, max_header_size=_MAX_HEADER), file.tell()
        except Exception as error:  # an expression of Python is parsed there, in which anything can be wrong
            raise self.error("expected the header of an array, as NumPy writes it") from error

    def read(self) -> np.ndarray:
        with self._archive.open(self._info) as file:
            file.read(self._start)
            content = file.read(self._size + 1)  # up to the end, where the archive's checksum is verified
        if len(content) != self._size:
            raise self.error(f"the header says {self._size} bytes of data, there are {len(content)}")
        flat = np.frombuffer(content, self.dtype)
        return flat.reshape(self.shape, order="F" if self._fortran_order else "C")


def _expect_as_many(path: Path, images: _Member, labels: _Member) -> None:
    """Compare sizes before anything is read; of other faults in the shapes `verify` speaks."""
    if len(labels.shape) == 1 and images.shape[:1] != labels.shape:
        raise DataError(
            f"{path}: {images.shape[0] if images.shape else 'no'} {images.name}, but {labels.shape[0]} {labels.name}: "
            "expected a label for each image"
        )
