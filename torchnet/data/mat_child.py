"""A program that reads a .mat file from a stranger: the file comes in, and nothing but pixels comes out.

Run as `python -P mat_child.py < FILE`. It imports neither torch nor torchnet, so that it starts in a third of a second.

On standard output: the number of rows of train0..train9, test0..test9, each as 8 bytes with the lowest first; then the
rows, 784 bytes each, array after array. If the file is refused, the exit code is 65 and a sentence on standard error.
"""

import sys
import warnings
from typing import BinaryIO

import numpy as np

NAMES = tuple(f"{split}{digit}" for split in ("train", "test") for digit in range(10))
PIXELS = 28 * 28
REFUSED = 65

_MAX_MEMORY = 2**30  # bytes, of addresses: the libraries take half
_MAX_OUTPUT = 2**29  # bytes
_MAX_SECONDS = 30  # of a processor


class NotReadableError(ValueError):
    """A file is no .mat file with the arrays of mnist_all.mat; the message says why, but not which file."""


def read_digits(file: BinaryIO) -> dict[str, np.ndarray]:
    """Return train0..train9 and test0..test9.

    Shape:
        returns: (n, 784) uint8 each.

    Raises:
        NotReadableError: if they are not in the file, or SciPy cannot read it.
    """
    import scipy.io  # here: it is loaded within the limits

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # SciPy only warns of two arrays of one name
            _expect_images(scipy.io.whosmat(file))
            content = scipy.io.loadmat(file, variable_names=NAMES)
    except NotReadableError:
        raise
    except Exception as error:  # loadmat lets whatever its parser meets escape: ValueError, TypeError, zlib.error, ...
        if isinstance(error, OSError) and error.errno is not None:  # the disk's fault, not the file's
            raise
        reason = str(error) or type(error).__name__
        raise NotReadableError(f"not a readable .mat file ({reason})") from error
    for name in NAMES:
        if content[name].dtype != np.uint8:  # whatever the header has promised
            raise NotReadableError(f"expected {name} as uint8, got {content[name].dtype}")
    return {name: content[name] for name in NAMES}


def _expect_images(headers: list[tuple[str, tuple[int, ...], str]]) -> None:
    """Check the headers of the arrays, none of which has been read yet: name, shape, type."""
    for name in NAMES:
        found = [(shape, kind) for other, shape, kind in headers if other == name]
        if not found:
            raise NotReadableError(
                f"not a readable .mat file, or not of MNIST: there is no array {name}: "
                "expected train0..train9 and test0..test9"
            )
        if len(found) > 1:
            raise NotReadableError(f"there are {len(found)} arrays {name}: which one is meant is not known")
        shape, kind = found[0]
        if kind != "uint8" or len(shape) != 2 or shape[0] < 1 or shape[1] != PIXELS:
            raise NotReadableError(f"expected {name} as uint8 of shape (n, {PIXELS}), got {kind} {shape}")


def _limit_itself() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits: there the time that the parent waits is the only one
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
        except (ValueError, OSError):  # macOS knows RLIMIT_AS, but does not let it be set
            continue


def main() -> int:
    """Read a file from standard input; return the exit code."""
    _limit_itself()
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
