"""The notebook's file, mnist_all.mat: arrays train0..train9 and test0..test9, one image of 28 x 28 a row.

SciPy's reader of such files is not made for those of strangers: some end the process that reads them, some ask for all
of its memory. So the notebook's own file, known by its hash, is read right here, any other one in a process of its own.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from torchnet.data import mat_child
from torchnet.data.dataset import NUM_CLASSES, DataError, Dataset, verify
from torchnet.data.mat_child import NAMES, PIXELS, NotReadableError

_KNOWN = "a963da5ad0b59ef877e68defeb608a710505d9202208f090c158ca0d058a065c"  # SHA-256 of the notebook's file
_MAX_BYTES = 2**28  # of a file: twenty times the notebook's
_MAX_SECONDS = 60.0  # for a process to read it; the notebook's file takes one
_LONGEST_SENTENCE = 500  # characters that are believed to be what went wrong
_HDF5 = b"\x89HDF\r\n\x1a\n"
_HDF5_PLACES = (0, 512)  # bytes from the start: a file of MATLAB 7.3 has a text before it
_SIDE = 28


def read_mat(path: Path) -> Dataset:
    """Read mnist_all.mat, of MATLAB's versions 4 to 7.2.

    Raises:
        DataError: if the file is damaged or is no such .mat file.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size > _MAX_BYTES:
            raise DataError(f"{path}: expected a file of at most {_MAX_BYTES} bytes, got {size}: not mnist_all.mat")
        for place in _HDF5_PLACES:
            file.seek(place)
            if file.read(len(_HDF5)) == _HDF5:
                raise DataError(f"{path}: expected a .mat file up to version 7.2, got 7.3 (HDF5): save it with -v7")
        file.seek(0)
        is_known = hashlib.file_digest(file, "sha256").hexdigest() == _KNOWN
        file.seek(0)
        try:
            digits = mat_child.read_digits(file) if is_known else _read_in_a_process(file)
        except NotReadableError as error:
            raise DataError(f"{path}: {error}") from error
    images, labels = {}, {}
    for split in ("train", "test"):
        of_split = [digits[f"{split}{digit}"] for digit in range(NUM_CLASSES)]
        images[split] = np.concatenate(of_split).reshape(-1, _SIDE, _SIDE)
        labels[split] = np.repeat(np.arange(NUM_CLASSES), [len(rows) for rows in of_split])
    return verify(path, images["train"], labels["train"], images["test"], labels["test"])


def _read_in_a_process(file: BinaryIO) -> dict[str, np.ndarray]:
    """Return the arrays as `mat_child`, run as a program, reads them; whatever becomes of it becomes of it alone."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            done = subprocess.run(
                [sys.executable, "-P", mat_child.__file__],  # -P: torchnet/data is no place to import from
                stdin=file,
                stdout=output,
                stderr=errors,
                timeout=_MAX_SECONDS,
                check=False,
                env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},  # each asks for memory
            )
        except subprocess.TimeoutExpired as error:
            raise NotReadableError(f"not a readable .mat file (not read within {_MAX_SECONDS:.0f} seconds)") from error
        if done.returncode != 0:
            errors.seek(0)
            sentence = " ".join(errors.read(_LONGEST_SENTENCE).decode(errors="replace").split())
            if done.returncode != mat_child.REFUSED:
                sentence = f"not a readable .mat file (its reader ended with the exit code {done.returncode})"
            raise NotReadableError("".join(filter(str.isprintable, sentence)))
        return _arrays_of(output)


def _arrays_of(output: BinaryIO) -> dict[str, np.ndarray]:
    """Return what the process has written: the number of rows of each array, then their pixels."""
    size = output.seek(0, os.SEEK_END)
    output.seek(0)
    rows = np.frombuffer(output.read(8 * len(NAMES)), "<u8").tolist()
    if len(rows) != len(NAMES) or size != 8 * len(NAMES) + PIXELS * sum(rows):
        raise NotReadableError("not a readable .mat file (its reader broke off)")
    return {
        name: np.frombuffer(output.read(count * PIXELS), np.uint8).reshape(count, PIXELS)
        for name, count in zip(NAMES, rows, strict=True)
    }
