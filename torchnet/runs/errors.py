"""Errors that the command lines report in one sentence, each with its exit code."""

import sys

from torchnet.checking import GradientError
from torchnet.data import DataError
from torchnet.storage import CheckpointError as CheckpointError


class UsageError(ValueError):
    """An option, a configuration file or a combination of them is not one that works."""


class NonFiniteError(ArithmeticError):
    """A number that training depends on is infinite or not a number."""


class DriftError(ArithmeticError):
    """The replicas of a network, in several processes, are no longer equal."""


class LostProcessError(RuntimeError):
    """A process that trains the network together with this one has ended, or does not answer."""

    def __init__(self, message: str = "", hint: str = "to go on from what was saved: --ckpt_path last") -> None:
        message = message or "another process that trains this network has ended, or does not answer"
        super().__init__(f"{message}; {hint}")


class StoppedError(BaseException):
    """A signal ends the program; like KeyboardInterrupt it is no Exception, which a library might think it can mend."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


EXIT_CODES: dict[type[Exception], int] = {
    UsageError: 2,
    DataError: 65,
    CheckpointError: 66,
    NonFiniteError: 70,
    GradientError: 70,
    DriftError: 70,
    OSError: 74,
    LostProcessError: 75,
}


def exit_code_of(error: BaseException) -> int | None:
    """Return the exit code of an error; None if it is of no kind that is known."""
    if isinstance(error, StoppedError):
        return error.exit_code
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), None)


def report_error(error: BaseException, process: int = 0) -> int:
    """Print one line that says what went wrong; return the exit code. An error of no kind that is known is raised.

    Args:
        error: what ends the program.
        process: of several that train a network together, the number of this one.
    """
    code = exit_code_of(error)
    if code is None:
        raise error
    if isinstance(error, StoppedError):
        print(error, file=sys.stderr)
    else:
        where = f"process {process}: " if process > 0 else ""
        sys.stderr.write(f"error: {where}{' '.join(str(error).split())}\n")  # at once: other processes write, too
    return code
