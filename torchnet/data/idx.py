"""The IDX format, in which MNIST is published: a header of big-endian integers, then one byte a value.

Headers are read first and held against each other and the size of their files, so that none of them can make this
program ask for more memory than the data are worth.

Source: the format description on the MNIST page of LeCun, Cortes and Burges.
"""

import contextlib
import math
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from torchnet.data.dataset import DataError, Dataset, verify
from torchnet.data.gunzip import MAGIC, GzipReader

FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
MAX_BYTES = 2**30  # of one array: room for twenty times MNIST


def find_idx_file(folder: Path, name: str) -> Path | None:
    """Return the path of a file, plain or gzipped, or None if there is neither."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def read_idx_folder(folder: Path) -> Dataset:
    """Read MNIST's four files, each plain or gzipped, from a folder.

    Raises:
        DataError: if one is missing or damaged, or they do not fit each other.
    """
    with contextlib.ExitStack() as opened:
        files = {}
        for key, name in FILES.items():
            path = find_idx_file(folder, name)
            if path is None:
                raise DataError(f"{folder}: there is no {name} or {name}.gz")
            files[key] = IdxFile(path, opened.enter_context(path.open("rb")), dimensions=3 if "images" in key else 1)
        for split in ("train", "test"):
            _expect_as_many(files[f"{split}_images"], files[f"{split}_labels"])
        return verify(folder, **{key: file.read() for key, file in files.items()})


class IdxFile:
    """An IDX file of unsigned bytes, whose header has been read.

    Args:
        path: the file, for messages.
        file: the file, opened; plain or gzipped.
        dimensions: 3 for images, 1 for labels; the header must say the same.

    Raises:
        DataError: if the header is not what it should be.
    """

    def __init__(self, path: Path, file: BinaryIO, dimensions: int) -> None:
        is_compressed = file.read(len(MAGIC)) == MAGIC
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
            raise DataError(f"{path}: {self.claim}, more than the {MAX_BYTES} that are read")
        if 0 in self.shape:
            raise DataError(f"{path}: {self.claim}: expected sizes from 1 up")

    @property
    def claim(self) -> str:
        """What the header says, for messages."""
        return f"the header says {self.size} bytes of data {tuple(self.shape)}"

    def read(self) -> np.ndarray:
        """Return the data.

        Shape:
            returns: what the header says, uint8.

        Raises:
            DataError: if there are fewer or more than the header says, or they are damaged.
        """
        content = self._content.read(self.size + 1)
        if len(content) != self.size:
            got = "more" if len(content) > self.size else str(len(content))
            raise DataError(f"{self.path}: {self.claim}, the file has {got}")
        return np.frombuffer(content, dtype=np.uint8).reshape(self.shape)


def _expect_as_many(images: IdxFile, labels: IdxFile) -> None:
    if images.shape[0] != labels.shape[0]:
        raise DataError(f"{images.path}: {images.claim}, but there are {labels.shape[0]} labels in {labels.path}")
