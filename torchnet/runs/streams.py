"""Standard output and standard error, which may be closed."""

import os
import sys


def open_streams() -> str | None:
    """Return what is wrong with stdout; None if nothing is. A closed stderr is replaced.

    If stdout is closed, the next file that is opened would get its number, and whatever a library prints.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
    return "stdout is closed: redirect it to a file or to /dev/null" if sys.stdout is None else None


def stdout_is_lost() -> bool:
    """Return whether stdout cannot be written any more. Then nothing else is written to it, not even at exit."""
    try:
        print(flush=True)  # a flush alone may succeed, as what could not be written is given up
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False
