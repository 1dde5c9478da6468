"""Errors that the command lines report in one sentence, each with its exit code."""

import sys

from torchnet.checking import GradientError
from torchnet.data import DataError
from torchnet.storage import CheckpointError as CheckpointError


class UsageError(ValueError):
    """An option, a configuration file or a combination of them is not one that works."""


class NonFiniteError(ArithmeticError):
    """A number that training depends on is infinite or not a number."""


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
    OSError: 74,
}


def report_error(error: BaseException) -> int:
    """Print one line that says what went wrong; return the exit code. An error of no kind that is known is raised."""
    if isinstance(error, StoppedError):
        print(error, file=sys.stderr)
        return error.exit_code
    code = next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), None)
    if code is None:
        raise error
    print("error:", " ".join(str(error).split()), file=sys.stderr)
    return code
