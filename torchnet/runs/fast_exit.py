"""The end of a program, without the second that Python takes to free millions of objects of the libraries."""

import atexit
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn


def exit_with(run: Callable[[], int]) -> NoReturn:
    """Run a program and exit with the code that it returns.

    Threads are joined and the functions of `atexit` run, as always. Then the operating system frees the memory. Call
    this before the libraries are imported: functions of `atexit` run in reverse order, and this one has to be the last.
    If there are others already, such as those of a tool that runs the program, the end is Python's own.
    """
    codes: list[int] = []
    if atexit._ncallbacks() == 0:
        atexit.register(_end, codes)
    codes.append(run())
    sys.exit(codes[0])


def _end(codes: list[int]) -> None:
    with suppress(OSError, ValueError):  # what cannot be written, or is closed, is left to Python's own end
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        if codes:
            os._exit(codes[0])
