"""The notebook's file, mnist_all.mat: arrays train0..train9 and test0..test9, one image of 28 x 28 a row."""

from pathlib import Path

import numpy as np
import scipy.io

from torchnet.data.dataset import NUM_CLASSES, DataError, Dataset, verify

_SIDE = 28


def read_mat(path: Path) -> Dataset:
    """Read mnist_all.mat.

    Raises:
        DataError: if the file is damaged or is no such .mat file.
    """
    try:
        content = scipy.io.loadmat(path)
    except Exception as error:  # loadmat lets whatever its parser meets escape: ValueError, TypeError, zlib.error, ...
        if isinstance(error, OSError) and error.errno is not None:  # the disk's fault, not the file's
            raise
        raise DataError(f"{path}: not a readable .mat file ({' '.join(str(error).split())})") from error
    images, labels = {}, {}
    for split in ("train", "test"):
        digits = [_digit(path, content, f"{split}{digit}") for digit in range(NUM_CLASSES)]
        images[split] = np.concatenate(digits).reshape(-1, _SIDE, _SIDE)
        labels[split] = np.repeat(np.arange(NUM_CLASSES), [len(rows) for rows in digits])
    return verify(path, images["train"], labels["train"], images["test"], labels["test"])


def _digit(path: Path, content: dict[str, np.ndarray], name: str) -> np.ndarray:
    rows = content.get(name)
    if rows is None:
        raise DataError(f"{path}: there is no array {name}: expected train0..train9 and test0..test9")
    if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != _SIDE**2:
        raise DataError(f"{path}: expected {name} as uint8 of shape (n, {_SIDE**2}), got {rows.dtype} {rows.shape}")
    return rows
