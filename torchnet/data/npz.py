"""NumPy's .npz archives with x_train, y_train, x_test and y_test: how Keras keeps MNIST, and how to bring your own."""

import zipfile
from pathlib import Path

import numpy as np

from torchnet.data.dataset import DataError, Dataset, verify

_NAMES = ("x_train", "y_train", "x_test", "y_test")


def read_npz(path: Path) -> Dataset:
    """Read an .npz archive: images as uint8 (n, height, width) or (n, features), labels as integers (n,).

    Raises:
        DataError: if the file is damaged, an array is missing or is not what it should be. Pickled objects are refused.
    """
    try:
        with path.open("rb") as file:  # numpy.load(path) would leave a damaged file open
            if not zipfile.is_zipfile(file):
                raise DataError(f"{path}: not an .npz archive, or cut short")
            archive = np.load(file, allow_pickle=False)
            for name in _NAMES:
                if name not in archive:
                    raise DataError(f"{path}: there is no array {name}: expected {', '.join(_NAMES)}")
            arrays = [archive[name] for name in _NAMES]
    except DataError:
        raise
    except Exception as error:  # numpy and zipfile let whatever they meet escape: BadZipFile, MemoryError, ...
        if isinstance(error, OSError) and error.errno is not None:  # the disk's fault, not the file's
            raise
        raise DataError(f"{path}: not a readable .npz archive ({error})") from error
    return verify(path, *arrays)
