"""What the C library does with the memory that a step frees."""

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

# Parameters of mallopt in the GNU C library (malloc.h): memory at the end of the heap that may be free; the size from
# which a block is mapped on its own, so that it returns to the system as soon as it is freed; their number.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_KEEP = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1}
# The largest values that the library chooses by itself for a process that allocates large blocks.
_USUAL = {_MMAP_MAX: 65536, _TRIM_THRESHOLD: 64 * 2**20, _MMAP_THRESHOLD: 32 * 2**20}


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Within this context, keep freed memory in the process for the next allocations, if the C library is glibc.

    Each step frees and allocates the same sizes. The library returns large blocks to the system, which clears
    every page of them at its next use. For large feature maps this takes several times as long as batch norm.
    """
    _set(_KEEP)
    try:
        yield
    finally:
        _set(_USUAL)


def _set(options: dict[int, int]) -> None:
    if (mallopt := _mallopt()) is not None:
        for parameter, value in options.items():
            mallopt(parameter, value)


@cache
def _mallopt() -> Callable[[int, int], int] | None:
    """Return the function of the C library that sets an option of malloc; None if it has none."""
    return getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
