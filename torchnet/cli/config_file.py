"""Parsing of arguments with configuration files among them; an error names the file that causes it."""

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import shorten
from typing import Any

from jsonargparse import Namespace

from torchnet.runs.config import read_yaml
from torchnet.runs.errors import UsageError

Select = Callable[[Path, dict[str, Any]], dict[str, Any]]
_OPTION = "--config="
_LONGEST_REASON = 500  # characters; the parser quotes the values that it rejects, of any length


def parse_with_files(
    parse: Callable[[list[str]], Namespace], arguments: list[str], select: Select | None = None
) -> Namespace:
    """Parse a command and its options, with configuration files among them as --config=FILE.

    Each file is read once. The parser gets its values, not the file.

    Args:
        parse: the parser.
        arguments: the command and its options.
        select: returns what the parser gets of a file and its values; None for all of them.

    Raises:
        UsageError: if a file or an option is wrong; the message names the file if that is the cause.
    """
    texts = {}
    for argument in arguments:
        if argument.startswith(_OPTION):
            path = Path(argument.removeprefix(_OPTION))
            values = read_yaml(path)
            texts[argument] = _OPTION + json.dumps(values if select is None else select(path, values))
    try:
        return parse([texts.get(argument, argument) for argument in arguments])
    except UsageError as error:
        reason = shorten(str(error), _LONGEST_REASON)
        for file, text in texts.items():
            try:
                parse([arguments[0], text])
            except UsageError as of_file:
                if str(of_file) == str(error):  # a file that fails alone with the same error is the cause
                    raise UsageError(f"{file.removeprefix(_OPTION)}: {reason.removeprefix('--config: ')}") from error
        raise UsageError(reason) from error
