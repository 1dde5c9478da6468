"""The notebook's file, mnist_all.mat: arrays train0..train9 and test0..test9, one image of 28 x 28 pixels per row.

SciPy's reader of .mat files is not safe for untrusted files: some crash the process, and some exhaust its memory. So a
subprocess converts the file to an .npz archive.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

from torchnet.data.dataset import DataError, Dataset
from torchnet.data.formats import mat_to_npz
from torchnet.data.formats.npz import read_npz

_MAX_SECONDS = 60.0  # for the subprocess; the notebook's file takes 1 s


def read_mat(path: Path, file: BinaryIO) -> Dataset:
    """Read mnist_all.mat, in the format of MATLAB versions 4 to 7.2. `path` is the file's name, for error messages.

    Raises:
        DataError: if the file is corrupt or has other contents.
    """
    with tempfile.TemporaryFile() as archive:
        if (reason := _convert(file, archive)) is not None:
            raise DataError(f"{path}: not a readable .mat file of MNIST ({reason})")
        archive.seek(0)
        return read_npz(path, archive)


def _convert(file: BinaryIO, archive: BinaryIO) -> str | None:
    """Run mat_to_npz.py as a program; return why it failed, or None."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", mat_to_npz.__file__],  # -P: import nothing from torchnet/data/formats
            stdin=file,
            stdout=archive,
            stderr=subprocess.PIPE,
            timeout=_MAX_SECONDS,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},  # each thread reserves memory
        )
    except subprocess.TimeoutExpired:
        return f"not read within {_MAX_SECONDS:.0f} seconds"
    if done.returncode == mat_to_npz.REFUSED:
        return done.stderr.decode(errors="replace")
    return f"its reader exited with code {done.returncode}" if done.returncode else None
