"""NumPy's .npz archives with the arrays x_train, y_train, x_test and y_test, as Keras stores MNIST.

Archives are untrusted: their members are found by their exact names, and pickles are never loaded.
"""

import errno
import zipfile
from pathlib import Path
from textwrap import shorten
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from torchnet.data.dataset import DataError, Dataset, verify

_NAMES = ("x_train", "y_train", "x_test", "y_test")
_MAX_BYTES = 2**30  # per array: twenty times MNIST
_MAX_HEADER = 1024  # bytes; NumPy writes 128
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those that NumPy writes; the others use unbounded memory


def read_npz(path: Path, file: BinaryIO) -> Dataset:
    """Read an .npz archive: images as uint8 (n, height, width) or (n, features), labels as integers (n,).

    `path` is the file's name, for error messages.

    Raises:
        DataError: if the file is corrupt, or an array is missing, malformed or pickled.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            train_inputs, train_targets, test_inputs, test_targets = (_read_array(archive, name) for name in _NAMES)
    except Exception as error:  # numpy and zipfile raise ValueError, BadZipFile, MemoryError and others
        # An OSError is a fault of the disk, except for EINVAL: a seek to a negative offset that the file contains.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise DataError(f"{path}: not a readable .npz archive ({shorten(str(error), 200)})") from error
    return verify(path, train_inputs, train_targets, test_inputs, test_targets)


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    found = [info for info in archive.infolist() if info.filename == f"{name}.npy"]
    if len(found) != 1:
        raise ValueError(f"expected one array {name}, got {len(found)}: store {', '.join(_NAMES)}")
    if found[0].compress_type not in _METHODS:
        raise ValueError(f"array {name}: expected the compression of NumPy (stored or deflated), got another one")
    if found[0].file_size > _MAX_BYTES:
        raise ValueError(f"array {name}: expected at most {_MAX_BYTES} bytes, got {found[0].file_size}")
    with archive.open(found[0]) as member:
        try:
            array = npy.read_array(member, allow_pickle=False, max_header_size=_MAX_HEADER)
        except ValueError as error:
            raise ValueError(f"array {name}: {error}") from error
        if member.read(1):  # reading to the end verifies the checksum
            raise ValueError(f"array {name}: expected {array.nbytes} bytes of data, got more")
    return array
