"""Parsing of arguments with configuration files among them; an error names the file that causes it."""

from collections.abc import Callable
from pathlib import Path
from textwrap import shorten

from jsonargparse import Namespace

from torchnet.runs.config import check_config_file
from torchnet.runs.errors import UsageError

_OPTION = "--config="
_LONGEST_REASON = 500  # characters; the parser quotes the values that it rejects, of any length


def parse_with_files(parse: Callable[[list[str]], Namespace], arguments: list[str]) -> Namespace:
    """Check the configuration files among the arguments, then parse all arguments.

    Args:
        parse: a function that parses arguments.
        arguments: a command and its options; files as --config=FILE.

    Raises:
        UsageError: if a file or an option is wrong; the message names the file if that is the cause.
    """
    files = [argument for argument in arguments if argument.startswith(_OPTION)]
    for file in files:
        check_config_file(Path(file.removeprefix(_OPTION)))
    try:
        return parse(arguments)
    except UsageError as error:
        for file in files:  # a file that fails alone with the same error is the cause
            if _error_of(parse, [arguments[0], file]) == str(error):
                reason = shorten(str(error), _LONGEST_REASON)
                raise UsageError(f"{file.removeprefix(_OPTION)}: {reason}") from error
        raise UsageError(shorten(str(error), _LONGEST_REASON)) from error


def _error_of(parse: Callable[[list[str]], Namespace], arguments: list[str]) -> str | None:
    try:
        parse(arguments)
    except UsageError as error:
        return str(error)
    return None
