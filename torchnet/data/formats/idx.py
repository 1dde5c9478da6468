"""The IDX format, in which MNIST is published: a header of big-endian integers, then one byte per value.

All headers are checked, against each other and against the file sizes, before any data are read. A wrong header can
therefore not make the reader allocate more memory than the data need.

Source: the format description on the MNIST page of LeCun, Cortes and Burges.
"""

import math
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from torchnet.data.dataset import DataError, Dataset, verify
from torchnet.data.formats.idx_files import FILES, find_idx_files, missing_files
from torchnet.data.memory import expect_fits

_MOST_COMPRESSION = 1040  # deflate makes at most this many bytes of one
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 31  # makes zlib expect a gzip header, use the largest window, and verify the checksum and the length


def read_idx_folder(folder: Path) -> Dataset:
    """Read the four files that a folder holds; as `read_idx_files`."""
    return read_idx_files(folder, find_idx_files(folder))


def read_idx_files(source: Path, paths: dict[str, Path]) -> Dataset:
    """Read the images and labels of a training and a test set; the keys of `paths` are those of FILES.

    Raises:
        DataError: if a file is missing or corrupt, or the files do not match.
    """
    if paths.keys() != FILES.keys():
        raise DataError(missing_files(source, paths, []))
    shapes = {key: _read_shape(paths[key], dimensions=3 if "images" in key else 1) for key in FILES}
    for split in ("train", "test"):
        images, labels = f"{split}_images", f"{split}_labels"
        if shapes[images][0] != shapes[labels][0]:
            raise DataError(
                f"{paths[images]}: {_claim(shapes[images])}, but there are {shapes[labels][0]} labels in "
                f"{paths[labels]}"
            )
    expect_fits(source, sum(map(math.prod, shapes.values())))
    train_images, train_labels, test_images, test_labels = (_read_array(paths[key], shapes[key]) for key in FILES)
    return verify(source, train_images, train_labels, test_images, test_labels)


def _read_shape(path: Path, dimensions: int) -> tuple[int, ...]:
    """Read and check the header of a file of unsigned bytes."""
    header = _read(path, 4 + 4 * dimensions)
    if len(header) < 4 + 4 * dimensions:
        raise DataError(f"{path}: cut short within the header")
    magic, *shape = struct.unpack(f">{1 + dimensions}I", header)
    expected_magic = 0x800 + dimensions  # 0x08: unsigned bytes
    if magic != expected_magic:
        raise DataError(f"{path}: expected the magic number {expected_magic:#06x}, got {magic:#06x}: not this IDX file")
    if math.prod(shape) > _most_bytes(path):
        raise DataError(f"{path}: {_claim(shape)}, more than a file of {path.stat().st_size} bytes can hold")
    if 0 in shape:
        raise DataError(f"{path}: {_claim(shape)}: expected sizes of at least 1")
    return tuple(shape)


def _most_bytes(path: Path) -> int:
    """Return the most bytes that a file can hold, gzipped or not."""
    with path.open("rb") as file:
        return path.stat().st_size * (_MOST_COMPRESSION if file.read(2) == _GZIP_MAGIC else 1)


def _claim(shape: Sequence[int]) -> str:
    return f"the header says {math.prod(shape)} bytes of data {tuple(shape)}"


def _read_array(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    start, size = 4 + 4 * len(shape), math.prod(shape)
    content = _read(path, start + size + 1)
    if len(content) != start + size:
        got = "more" if len(content) > start + size else str(len(content) - start)
        raise DataError(f"{path}: {_claim(shape)}, the file has {got}")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _read(path: Path, size: int) -> bytes:
    """Return the first bytes of a file, decompressed if it is gzipped. There are fewer than `size` only at its end."""
    with path.open("rb") as file:
        if file.peek(2)[:2] != _GZIP_MAGIC:
            return file.read(size)
        try:
            return gunzip(file.read(2 * size + 2**16), size)  # compression adds less than that, even to noise
        except ValueError as error:
            raise DataError(f"{path}: {error}: fetch the file again") from error


def gunzip(compressed: bytes, size: int) -> bytes:
    """Decompress the first `size` bytes and no more, so that a gzip bomb uses no memory.

    If there are fewer than `size`, the checksum is verified. Unlike Python's gzip module, this function then refuses a
    second gzip member and other bytes after the first. It raises a ValueError.
    """
    stream = zlib.decompressobj(_GZIP)
    try:
        content = stream.decompress(compressed, size)
    except zlib.error as error:
        raise ValueError(f"corrupt compressed data ({error})") from error
    if len(content) < size and not stream.eof:
        raise ValueError("truncated compressed data")
    if len(content) < size and stream.unused_data:
        raise ValueError("expected one gzipped file, got bytes after its end")
    return content
