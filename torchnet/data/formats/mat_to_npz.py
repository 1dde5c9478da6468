"""A program that converts an untrusted mnist_all.mat to an .npz archive, within limits of memory and time.

Usage: `python -P mat_to_npz.py < FILE > ARCHIVE`. It does not import torch or torchnet, so it starts in a third of a
second. If it refuses the file, it writes the reason to standard error and exits with code 65.
"""

import contextlib
import resource
import sys
import warnings
from textwrap import shorten
from typing import BinaryIO

import numpy as np

REFUSED = 65

_SIDE = 28
_LONGEST_REASON = 500  # characters
_MAX_MEMORY = 2**30  # bytes of address space; the libraries take half of it
_MAX_OUTPUT = 2**29  # bytes
_MAX_SECONDS = 30  # of CPU time


def convert(source: BinaryIO, target: BinaryIO) -> None:
    """Write the images of train0..train9 and test0..test9 and their labels as an .npz archive."""
    import scipy.io  # here, so that the limits apply to the import

    names = [f"{split}{digit}" for split in ("train", "test") for digit in range(10)]
    with warnings.catch_warnings(action="error"):  # SciPy only warns about duplicate names
        try:
            headers = scipy.io.whosmat(source)
        except NotImplementedError as error:
            raise ValueError("expected a version up to 7.2, got 7.3 (HDF5): save it with -v7") from error
        for name in names:  # before any array is read
            _expect_images(name, [(shape, kind) for other, shape, kind in headers if other == name])
        content = scipy.io.loadmat(source, variable_names=names)
    (x_train, y_train), (x_test, y_test) = (
        _stacked([content[f"{split}{digit}"] for digit in range(10)]) for split in ("train", "test")
    )
    np.savez(target, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)


def _stacked(digits: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the images of all digits and their labels."""
    if kinds := {str(digit.dtype) for digit in digits} - {"uint8"}:  # the headers may have said otherwise
        raise ValueError(f"expected pixels as uint8, got {kinds}")
    labels = np.repeat(np.arange(len(digits)), [len(digit) for digit in digits])
    return np.concatenate(digits).reshape(-1, _SIDE, _SIDE), labels


def _expect_images(name: str, found: list[tuple[tuple[int, ...], str]]) -> None:
    if len(found) != 1:
        raise ValueError(f"expected one array {name}, got {len(found)}")
    shape, kind = found[0]
    if kind != "uint8" or len(shape) != 2 or shape[0] < 1 or shape[1] != _SIDE**2:
        raise ValueError(f"expected {name} as uint8 of shape (n, {_SIDE**2}), got {kind} {shape}")


def _set_limits() -> None:
    for kind, most in (
        (resource.RLIMIT_AS, _MAX_MEMORY),
        (resource.RLIMIT_CPU, _MAX_SECONDS),
        (resource.RLIMIT_FSIZE, _MAX_OUTPUT),
        (resource.RLIMIT_CORE, 0),
    ):
        # It fails if a lower limit holds already, and for RLIMIT_AS on macOS.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def main() -> int:
    """Convert standard input to standard output and return the exit code."""
    _set_limits()
    try:
        convert(sys.stdin.buffer, sys.stdout.buffer)
    except Exception as error:  # loadmat raises ValueError, TypeError, zlib.error and others
        reason = shorten(str(error) or type(error).__name__, _LONGEST_REASON)
        print("".join(filter(str.isprintable, reason)), end="", file=sys.stderr)
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
