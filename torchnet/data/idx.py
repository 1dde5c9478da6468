"""The IDX format, in which MNIST is published: a header of big-endian integers, then one byte a value.

Source: the format description on the MNIST page of LeCun, Cortes and Burges.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from torchnet.data.dataset import DataError, Dataset, verify

FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
_GZIP_MAGIC = b"\x1f\x8b"
_MAX_BYTES = 2**31


def find_idx_file(folder: Path, name: str) -> Path | None:
    """Return the path of a file, plain or gzipped, or None if there is neither."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def read_idx_folder(folder: Path) -> Dataset:
    """Read MNIST's four files, each plain or gzipped, from a folder.

    Raises:
        DataError: if one is missing or damaged, or they do not fit each other.
    """
    arrays = {}
    for key, name in FILES.items():
        path = find_idx_file(folder, name)
        if path is None:
            raise DataError(f"{folder}: there is no {name} or {name}.gz")
        arrays[key] = read_idx(path, dimensions=3 if key.endswith("images") else 1)
    return verify(folder, **arrays)


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes, plain or gzipped.

    Args:
        path: the file.
        dimensions: 3 for images, 1 for labels; the header must say the same.

    Shape:
        returns: what the header says, uint8.

    Raises:
        DataError: if the magic number or the size is not what it should be, or the compressed data are damaged.
    """
    with path.open("rb") as raw:
        compressed = raw.read(2) == _GZIP_MAGIC
    try:
        with gzip.open(path) if compressed else path.open("rb") as file:
            return _read(cast(BinaryIO, file), path, dimensions)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the compressed data are damaged or cut short ({error})") from error


def _read(file: BinaryIO, path: Path, dimensions: int) -> np.ndarray:
    header = struct.Struct(f">{1 + dimensions}I")
    start = file.read(header.size)
    if len(start) < header.size:
        raise DataError(f"{path}: cut short within the header")
    magic, *shape = header.unpack(start)
    expected_magic = 0x800 + dimensions  # 0x08: unsigned bytes
    if magic != expected_magic:
        raise DataError(f"{path}: expected the magic number {expected_magic:#06x}, got {magic:#06x}: not this IDX file")
    size = math.prod(shape)
    if size > _MAX_BYTES:
        raise DataError(f"{path}: the header claims {size} bytes of data, more than the {_MAX_BYTES} that are read")
    content = file.read(size + 1)
    if len(content) != size:
        got = "more" if len(content) > size else str(len(content))
        raise DataError(f"{path}: the header says {size} bytes of data {tuple(shape)}, the file has {got}")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)
