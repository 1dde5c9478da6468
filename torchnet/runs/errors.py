"""Errors that the command lines report in one sentence, each with its exit code.

DataError (65), CheckpointError (66) and GradientError (70) belong to the code that raises them; they have an attribute
`exit_code`, too.
"""

import sys
import tempfile
import traceback
from contextlib import suppress
from textwrap import shorten
from typing import cast

from torchnet.printable import printable
from torchnet.runs.streams import stdout_is_lost


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


OUT_OF_MEMORY, UNEXPECTED = 71, 99  # exit codes of errors that have no class here
_MEMORY = (
    "can't allocate memory",
    "out of memory",
    "Storage size calculation overflowed",
    "Overflow when unpacking",
    "failed to map segment",  # of a library, while it is loaded
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that there is not enough memory, or could not be on any computer."""
    return isinstance(error, MemoryError) or (
        isinstance(error, (RuntimeError, TypeError, ImportError)) and any(words in str(error) for words in _MEMORY)
    )


def exit_code_of(error: BaseException) -> int:
    """Return the exit code of an error."""
    if is_out_of_memory(error):
        return OUT_OF_MEMORY
    return 74 if isinstance(error, OSError) else cast(int, getattr(error, "exit_code", UNEXPECTED))


def report_error(error: BaseException, process: int = 0) -> int:
    """Print one line that says what went wrong, and return the exit code.

    For an error that nobody expected, a file keeps the traceback.
    """
    code = exit_code_of(error)
    text = str(error)
    if code == OUT_OF_MEMORY:
        text = (
            f"out of memory ({_first_sentence(error)}): choose a smaller network (--model.hidden_sizes or "
            "--model.widths) or --data.batch_size; earlier checkpoints stay as they are"
        )
    elif code == UNEXPECTED:
        text = f"unexpected {type(error).__name__} ({_first_sentence(error)}): {_where_traceback(error)}"
    elif isinstance(error, OSError) and error.filename is None and stdout_is_lost():
        text = f"stdout: cannot be written ({error.strerror}): redirect it to a file or to /dev/null"
    where = f"process {process}: " if process > 0 else ""
    line = text if isinstance(error, StoppedError) else f"error: {where}{' '.join(text.split())}"
    with suppress(OSError):  # the terminal may be closed
        sys.stderr.write(f"{printable(line)}\n")  # one write: other processes write, too
    return code


def _first_sentence(error: BaseException) -> str:
    return shorten(str(error).partition("\n")[0], 200) or type(error).__name__


def _where_traceback(error: BaseException) -> str:
    """Write the traceback to a file and say where it is."""
    try:
        with tempfile.NamedTemporaryFile("w", prefix="torchnet_", suffix=".txt", delete=False) as file:
            file.writelines(traceback.format_exception(error))
    except OSError as failure:
        return f"its traceback could not be written ({failure})"
    return f"a fault of torchnet, or of a class of your own that it called; the traceback is in {file.name}"
