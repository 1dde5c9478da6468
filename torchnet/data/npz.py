"""NumPy's .npz archives with the arrays x_train, y_train, x_test and y_test, as Keras stores MNIST.

Archives are untrusted. Arrays are read by their exact names, pickles are never loaded, and an array is decompressed
only after its header has been checked.
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
_MAX_BYTES = 2**30  # per array: twenty times MNIST
_MAX_HEADER = 1024  # bytes; NumPy writes 128
_HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those that NumPy writes; the others use unbounded memory


def read_npz(path: Path) -> Dataset:
    """Read an .npz archive: images as uint8 (n, height, width) or (n, features), labels as integers (n,).

    Raises:
        DataError: if the file is corrupt, or an array is missing, malformed or pickled.
    """
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise DataError(f"{path}: not an .npz archive, or cut short")
            with zipfile.ZipFile(file) as archive:
                members = {name: _Member(path, archive, name) for name in _NAMES}
                for split in ("train", "test"):
                    _expect_one_label_per_image(path, members[f"x_{split}"], members[f"y_{split}"])
                arrays = [member.read() for member in members.values()]
    except DataError:
        raise
    except Exception as error:  # numpy and zipfile raise BadZipFile, MemoryError and others
        # An OSError is a fault of the disk, except for EINVAL: a seek to a negative offset that the file contains.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise DataError(f"{path}: not a readable .npz archive ({shorten(str(error), 200)})") from error
    return verify(path, *arrays)


class _Member:
    """An array in an archive. The constructor reads and checks its header."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, name: str) -> None:
        self.path, self.name, self._archive = path, name, archive
        found = [info for info in archive.infolist() if info.filename == f"{name}.npy"]
        if len(found) != 1:
            raise DataError(f"{path}: expected one array {name}, got {len(found)}: store {', '.join(_NAMES)}")
        self._info = found[0]
        if self._info.compress_type not in _METHODS or self._info.flag_bits & 1:
            raise self.error("expected the compression of NumPy (stored or deflated), got another one or encryption")
        with archive.open(self._info) as file:
            self.shape, self._fortran_order, self.dtype, self._start = self._header(file.read(_MAX_HEADER))
        if self.dtype.kind not in "biuf":
            raise self.error(f"expected numbers, got the dtype {self.dtype}: pickled objects are refused")
        if any(size < 0 for size in self.shape):
            raise self.error(f"expected sizes of at least 0, got {self.shape}")
        self._size = math.prod(self.shape) * self.dtype.itemsize
        if self._size > _MAX_BYTES:
            raise self.error(f"the header says {self._size} bytes of data, but at most {_MAX_BYTES} are supported")
        if self._start + self._size != self._info.file_size:
            stored = self._info.file_size - self._start
            raise self.error(f"the header says {self._size} bytes of data, the archive has {stored}")

    def error(self, reason: str) -> DataError:
        return DataError(f"{self.path}: array {self.name}: {reason}")

    def _header(self, beginning: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
        file = io.BytesIO(beginning)
        try:
            read = _HEADER_READERS[npy.read_magic(file)]
            return *read(file, max_header_size=_MAX_HEADER), file.tell()
        except Exception as error:  # NumPy parses a Python expression, which can fail in many ways
            raise self.error("expected an array header as NumPy writes it") from error

    def read(self) -> np.ndarray:
        with self._archive.open(self._info) as file:
            file.read(self._start)
            content = file.read(self._size + 1)  # reading to the end verifies the checksum
        if len(content) != self._size:
            raise self.error(f"the header says {self._size} bytes of data, the archive has {len(content)}")
        flat = np.frombuffer(content, self.dtype)
        return flat.reshape(self.shape, order="F" if self._fortran_order else "C")


def _expect_one_label_per_image(path: Path, images: _Member, labels: _Member) -> None:
    """Compare the counts before any data are read. `verify` checks the shapes."""
    if len(labels.shape) == 1 and images.shape[:1] != labels.shape:
        raise DataError(
            f"{path}: expected one label per image, got {labels.shape[0]} in {labels.name} for "
            f"{images.shape[0] if images.shape else 'none'} in {images.name}"
        )
