"""Errors that the command lines report in one sentence, each with its exit code.

DataError (65), CheckpointError (66) and GradientError (70) belong to the code that raises them; they have an attribute
`exit_code`, too.
"""

import sys
from typing import cast


class UsageError(ValueError):
    """An option, a configuration file or a combination of them does not work."""

    exit_code = 2


class NonFiniteError(ArithmeticError):
    """A number that training depends on is Inf or NaN."""

    exit_code = 70


class DriftError(ArithmeticError):
    """The replicas of a network, in several processes, are no longer equal."""

    exit_code = 70


class LostProcessError(RuntimeError):
    """A process that trains the network together with this one has ended, or does not answer."""

    exit_code = 75

    def __init__(self, message: str = "", hint: str = "to resume from the last save: --ckpt_path last") -> None:
        message = message or "another process that trains this network has ended, or does not answer"
        super().__init__(f"{message}; {hint}")


class StoppedError(BaseException):
    """A signal ends the program. Like KeyboardInterrupt it is not an Exception, which a library might handle."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def exit_code_of(error: BaseException) -> int | None:
    """Return the exit code of an error; None if the command lines do not know this kind of error."""
    return 74 if isinstance(error, OSError) else cast(int | None, getattr(error, "exit_code", None))


def report_error(error: BaseException, process: int = 0) -> int:
    """Print one line that says what went wrong, and return the exit code. Raise an error of an unknown kind."""
    code = exit_code_of(error)
    if code is None:
        raise error
    if isinstance(error, StoppedError):
        print(error, file=sys.stderr)
    else:
        where = f"process {process}: " if process > 0 else ""
        sys.stderr.write(f"error: {where}{' '.join(str(error).split())}\n")  # one write: other processes write, too
    return code
