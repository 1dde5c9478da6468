"""The IDX format, in which MNIST is published: a header of big-endian integers, then one byte per value.

All headers are checked, against each other and against the file sizes, before any data are read. A wrong header can
therefore not make the reader allocate more memory than the data need.

Source: the format description on the MNIST page of LeCun, Cortes and Burges.
"""

import contextlib
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from torchnet.data.dataset import DataError, Dataset, verify

FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
MAX_BYTES = 2**30  # per array: twenty times MNIST
_CHUNK = 2**16
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 31  # makes zlib expect a gzip header, use the largest window, and verify the checksum and the length


def find_idx_file(folder: Path, name: str) -> Path | None:
    """Return the path of a plain or gzipped file, or None if there is neither."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def read_idx_folder(folder: Path) -> Dataset:
    """Read MNIST's four files, each plain or gzipped.

    Raises:
        DataError: if a file is missing or corrupt, or the files do not match.
    """
    with contextlib.ExitStack() as opened:
        files = {}
        for key, name in FILES.items():
            path = find_idx_file(folder, name)
            if path is None:
                raise DataError(f"{folder}: expected a file {name} or {name}.gz, got neither")
            files[key] = _IdxFile(path, opened.enter_context(path.open("rb")), dimensions=3 if "images" in key else 1)
        for split in ("train", "test"):
            images, labels = files[f"{split}_images"], files[f"{split}_labels"]
            if images.shape[0] != labels.shape[0]:
                raise DataError(
                    f"{images.path}: {images.claim}, but there are {labels.shape[0]} labels in {labels.path}"
                )
        return verify(folder, **{key: file.read() for key, file in files.items()})


class _IdxFile:
    """An IDX file of unsigned bytes, plain or gzipped. The constructor checks its header."""

    def __init__(self, path: Path, file: BinaryIO, dimensions: int) -> None:
        is_compressed = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        file.seek(0)
        self.path, self._content = path, GzipReader(file, path) if is_compressed else file
        header = struct.Struct(f">{1 + dimensions}I")
        start = self._content.read(header.size)
        if len(start) < header.size:
            raise DataError(f"{path}: cut short within the header")
        magic, *self.shape = header.unpack(start)
        expected_magic = 0x800 + dimensions  # 0x08: unsigned bytes
        if magic != expected_magic:
            raise DataError(
                f"{path}: expected the magic number {expected_magic:#06x}, got {magic:#06x}: not this IDX file"
            )
        self.size = math.prod(self.shape)
        if self.size > MAX_BYTES:
            raise DataError(f"{path}: {self.claim}, but at most {MAX_BYTES} are supported")
        if 0 in self.shape:
            raise DataError(f"{path}: {self.claim}: expected sizes of at least 1")

    @property
    def claim(self) -> str:
        """What the header says, for error messages."""
        return f"the header says {self.size} bytes of data {tuple(self.shape)}"

    def read(self) -> np.ndarray:
        """Return the data. Raise a DataError if they are corrupt or their size differs from the header."""
        content = self._content.read(self.size + 1)
        if len(content) != self.size:
            got = "more" if len(content) > self.size else str(len(content))
            raise DataError(f"{self.path}: {self.claim}, the file has {got}")
        return np.frombuffer(content, dtype=np.uint8).reshape(self.shape)


class GzipReader:
    """Read a gzipped file, decompressing only as much as is requested, so that a gzip bomb uses no memory.

    Unlike Python's gzip module, it refuses a second gzip member and other bytes after the first.

    Args:
        file: the open gzipped file.
        name: the name of the file, for error messages.
    """

    def __init__(self, file: BinaryIO, name: object) -> None:
        self._file, self._name, self._stream = file, name, zlib.decompressobj(_GZIP)

    def read(self, size: int) -> bytes:
        """Return the next bytes. There are fewer than `size` only at the end of the data, whose checksum is verified.

        Raises:
            DataError: if the data are corrupt or truncated, or other bytes follow.
        """
        content = bytearray()
        while len(content) < size and not self._stream.eof:
            compressed = self._stream.unconsumed_tail or self._file.read(_CHUNK)
            try:
                piece = self._stream.decompress(compressed, size - len(content))
            except zlib.error as error:
                raise DataError(f"{self._name}: corrupt compressed data ({error}): fetch the file again") from error
            if not compressed and not piece and not self._stream.eof:
                raise DataError(f"{self._name}: truncated compressed data: fetch the file again")
            content += piece
        if self._stream.eof and (self._stream.unused_data or self._file.read(1)):
            raise DataError(f"{self._name}: expected one gzipped file, got bytes after its end: fetch the file again")
        return bytes(content)
