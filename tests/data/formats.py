"""Small data sets in every supported file format."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import scipy.io

from torchnet.data.dataset import Dataset
from torchnet.data.formats.idx_files import FILES

RNG = np.random.default_rng(0)
TRAIN_LABELS = RNG.permutation(np.repeat(np.arange(10), 3))
TEST_LABELS = RNG.permutation(np.repeat(np.arange(10), 2))


def small_set(side: int = 28, random: np.random.Generator = RNG) -> Dataset:
    images = [random.integers(256, size=(n, side, side), dtype=np.uint8) for n in (30, 20)]
    return Dataset("small", images[0], TRAIN_LABELS, images[1], TEST_LABELS)


def by_key(data: Dataset) -> dict[str, np.ndarray]:
    """Return the arrays of a data set by the keys of FILES."""
    return dict(zip(FILES, (data.train_inputs, data.train_targets, data.test_inputs, data.test_targets), strict=True))


def by_label(data: Dataset) -> Dataset:
    """Return a data set with its samples ordered by label."""
    train, test = (np.argsort(labels, kind="stable") for labels in (data.train_targets, data.test_targets))
    arrays = data.train_inputs[train], data.train_targets[train], data.test_inputs[test], data.test_targets[test]
    return Dataset(data.source, *arrays)


def idx(magic: int, array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", magic, *array.shape) + array.astype(np.uint8).tobytes()


def write_idx(folder: Path, data: Dataset, pack: bool = False) -> Path:
    folder.mkdir(exist_ok=True)
    for key, array in by_key(data).items():
        name = FILES[key]
        content = idx(0x803 if array.ndim == 3 else 0x801, array)
        path = folder / (f"{name}.gz" if pack else name)
        path.write_bytes(gzip.compress(content) if pack else content)
    return folder


def mat_arrays(data: Dataset) -> dict[str, np.ndarray]:
    arrays = {}
    for split in ("train", "test"):
        images, labels = getattr(data, f"{split}_inputs"), getattr(data, f"{split}_targets")
        arrays |= {f"{split}{digit}": images[labels == digit].reshape(-1, 784) for digit in range(10)}
    return arrays


def write_mat(folder: Path, data: Dataset, **changes: np.ndarray | None) -> Path:
    arrays = {name: array for name, array in (mat_arrays(data) | changes).items() if array is not None}
    scipy.io.savemat(folder / "mnist_all.mat", arrays)
    return folder / "mnist_all.mat"


def write_npz(folder: Path, data: Dataset, **changes: np.ndarray | None) -> Path:
    arrays = {
        "x_train": data.train_inputs,
        "y_train": data.train_targets,
        "x_test": data.test_inputs,
        "y_test": data.test_targets,
    } | changes
    np.savez(folder / "mnist.npz", **{name: array for name, array in arrays.items() if array is not None})
    return folder / "mnist.npz"


def gzipped_zeros(size: int, beginning: bytes = b"") -> bytes:
    """Return a gzip bomb that expands to `beginning` and `size` zeros, a multiple of 2**20."""
    stream = zlib.compressobj(wbits=-15)
    first = stream.compress(beginning) + stream.flush(zlib.Z_FULL_FLUSH)
    zeros = bytes(2**20)
    piece = stream.compress(zeros) + stream.flush(zlib.Z_FULL_FLUSH)  # decodes independently of its position
    checksum = zlib.crc32(beginning)
    for _ in range(size // 2**20):
        checksum = zlib.crc32(zeros, checksum)
    header = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    trailer = struct.pack("<II", checksum, (len(beginning) + size) % 2**32)
    return header + first + piece * (size // 2**20) + stream.flush() + trailer
