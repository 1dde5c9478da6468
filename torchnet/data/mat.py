"""The notebook's file, mnist_all.mat: arrays train0..train9 and test0..test9, one image of 28 x 28 pixels per row.

SciPy's reader of .mat files is not safe for untrusted files: some crash the process, and some exhaust its memory. So
only the notebook's own file, which is recognized by its hash, is read in this process. Others are read in a subprocess.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from torchnet.data import mat_subprocess
from torchnet.data.dataset import NUM_CLASSES, DataError, Dataset, verify
from torchnet.data.mat_subprocess import NAMES, PIXELS, REFUSED, NotReadableError, read_digits

_KNOWN = "a963da5ad0b59ef877e68defeb608a710505d9202208f090c158ca0d058a065c"  # SHA-256 of the notebook's file
_MAX_BYTES = 2**28  # of a file: twenty times the size of the notebook's
_MAX_SECONDS = 60.0  # for the subprocess; the notebook's file takes 1 s
_LONGEST_MESSAGE = 500  # characters of the error message that are shown
_HDF5 = b"\x89HDF\r\n\x1a\n"
_HDF5_OFFSETS = (0, 512)  # MATLAB 7.3 writes 512 bytes of text first
_SIDE = 28


def read_mat(path: Path) -> Dataset:
    """Read mnist_all.mat, in the format of MATLAB versions 4 to 7.2.

    Raises:
        DataError: if the file is corrupt or has other contents.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size > _MAX_BYTES:
            raise DataError(f"{path}: expected a file of at most {_MAX_BYTES} bytes, got {size}: not mnist_all.mat")
        for offset in _HDF5_OFFSETS:
            file.seek(offset)
            if file.read(len(_HDF5)) == _HDF5:
                raise DataError(f"{path}: expected a .mat file up to version 7.2, got 7.3 (HDF5): save it with -v7")
        file.seek(0)
        is_known = hashlib.file_digest(file, "sha256").hexdigest() == _KNOWN
        file.seek(0)
        try:
            digits = read_digits(file) if is_known else _read_in_subprocess(file)
        except NotReadableError as error:
            raise DataError(f"{path}: {error}") from error
    arrays: list[np.ndarray] = []
    for split in ("train", "test"):
        of_split = [digits[f"{split}{digit}"] for digit in range(NUM_CLASSES)]
        arrays.append(np.concatenate(of_split).reshape(-1, _SIDE, _SIDE))
        arrays.append(np.repeat(np.arange(NUM_CLASSES), [len(rows) for rows in of_split]))
    return verify(path, *arrays)


def _read_in_subprocess(file: BinaryIO) -> dict[str, np.ndarray]:
    """Return the arrays that mat_subprocess.py, run as a program, reads."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            done = subprocess.run(
                [sys.executable, "-P", mat_subprocess.__file__],  # -P: import nothing from torchnet/data
                stdin=file,
                stdout=output,
                stderr=errors,
                timeout=_MAX_SECONDS,
                check=False,
                env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},  # each thread reserves memory
            )
        except subprocess.TimeoutExpired as error:
            raise NotReadableError(f"not a readable .mat file (not read within {_MAX_SECONDS:.0f} seconds)") from error
        if done.returncode != 0:
            errors.seek(0)
            message = " ".join(errors.read(_LONGEST_MESSAGE).decode(errors="replace").split())
            if done.returncode != REFUSED:
                message = f"not a readable .mat file (its reader exited with code {done.returncode})"
            raise NotReadableError("".join(filter(str.isprintable, message)))
        size = output.seek(0, os.SEEK_END)
        output.seek(0)
        rows = np.frombuffer(output.read(8 * len(NAMES)), "<u8").tolist()
        if len(rows) != len(NAMES) or size != 8 * len(NAMES) + PIXELS * sum(rows):
            raise NotReadableError("not a readable .mat file (its reader stopped early)")
        return {
            name: np.frombuffer(output.read(count * PIXELS), np.uint8).reshape(count, PIXELS)
            for name, count in zip(NAMES, rows, strict=True)
        }
