"""A program that reads an untrusted .mat file, within limits of memory and time, and writes its pixels.

Usage: `python -P mat_subprocess.py < FILE`. It does not import torch or torchnet, so it starts in a third of a second.

It writes to standard output the numbers of rows of train0..train9, test0..test9 (8 bytes each, little-endian), then
all rows (784 bytes each). If it refuses the file, it writes the reason to standard error and exits with code 65.
"""

import sys
import warnings
from typing import BinaryIO

import numpy as np

NAMES = tuple(f"{split}{digit}" for split in ("train", "test") for digit in range(10))
PIXELS = 28 * 28
REFUSED = 65

_MAX_MEMORY = 2**30  # bytes of address space; the libraries take half of it
_MAX_OUTPUT = 2**29  # bytes
_MAX_SECONDS = 30  # of CPU time


class NotReadableError(ValueError):
    """A file is not a valid mnist_all.mat. The message gives the reason but not the file name."""


def read_digits(file: BinaryIO) -> dict[str, np.ndarray]:
    """Return train0..train9 and test0..test9, each (n, 784) uint8.

    Raises:
        NotReadableError: if SciPy cannot read the file, or an array is missing or wrong.
    """
    import scipy.io  # here, so that the limits apply to the import

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # SciPy only warns about duplicate names
            _expect_images(scipy.io.whosmat(file))
            content = scipy.io.loadmat(file, variable_names=NAMES)
    except NotReadableError:
        raise
    except Exception as error:  # loadmat raises ValueError, TypeError, zlib.error and others
        if isinstance(error, OSError) and error.errno is not None:  # the disk failed: not a fault of the file
            raise
        reason = str(error) or type(error).__name__
        raise NotReadableError(f"not a readable .mat file ({reason})") from error
    for name in NAMES:
        if content[name].dtype != np.uint8:  # the header may have said otherwise
            raise NotReadableError(f"expected {name} as uint8, got {content[name].dtype}")
    return {name: content[name] for name in NAMES}


def _expect_images(headers: list[tuple[str, tuple[int, ...], str]]) -> None:
    """Check the name, shape and type of each array before any array is read."""
    for name in NAMES:
        found = [(shape, kind) for other, shape, kind in headers if other == name]
        if len(found) != 1:
            raise NotReadableError(f"not a readable .mat file of MNIST: expected one array {name}, got {len(found)}")
        shape, kind = found[0]
        if kind != "uint8" or len(shape) != 2 or shape[0] < 1 or shape[1] != PIXELS:
            raise NotReadableError(f"expected {name} as uint8 of shape (n, {PIXELS}), got {kind} {shape}")


def _set_limits() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits: only the timeout of the parent process applies
        return
    for kind, most in (
        (resource.RLIMIT_AS, _MAX_MEMORY),
        (resource.RLIMIT_CPU, _MAX_SECONDS),
        (resource.RLIMIT_FSIZE, _MAX_OUTPUT),
        (resource.RLIMIT_CORE, 0),
    ):
        soft, hard = resource.getrlimit(kind)
        lower = [limit for limit in (most, soft, hard) if limit != resource.RLIM_INFINITY]
        try:
            resource.setrlimit(kind, (min(lower), min(lower)))
        except (ValueError, OSError):  # macOS has RLIMIT_AS but does not allow setting it
            continue


def main() -> int:
    """Read a file from standard input, write its pixels, and return the exit code."""
    _set_limits()
    try:
        digits = read_digits(sys.stdin.buffer)
    except NotReadableError as error:
        print(error, file=sys.stderr)
        return REFUSED
    sys.stdout.buffer.write(np.array([len(rows) for rows in digits.values()], "<u8").tobytes())
    for rows in digits.values():
        sys.stdout.buffer.write(np.ascontiguousarray(rows).tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
