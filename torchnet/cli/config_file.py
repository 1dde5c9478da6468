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
    """Parse a command and its options, with configuration files among them as --config=FILE.

    Raises:
        UsageError: if a file or an option is wrong; the message names the file if that is the cause.
    """
    files = [argument for argument in arguments if argument.startswith(_OPTION)]
    for file in files:
        check_config_file(Path(file.removeprefix(_OPTION)))
    try:
        return parse(arguments)
    except UsageError as error:
        reason = shorten(str(error), _LONGEST_REASON)
        for file in files:
            try:
                parse([arguments[0], file])
            except UsageError as of_file:
                if str(of_file) == str(error):  # a file that fails alone with the same error is the cause
                    raise UsageError(f"{file.removeprefix(_OPTION)}: {reason}") from error
        raise UsageError(reason) from error
