"""What a configuration file may be, before anything is made of it: a small, plain YAML file that says each thing once.

YAML can do much that no configuration needs, and that harms: names for parts that grow exponentially as they are
repeated, tags that stand for objects, one key twice of which the last silently counts.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import shorten
from typing import Any

import yaml
from jsonargparse import Namespace, get_loader

from torchnet.runs.errors import UsageError

_SECTIONS = ("trainer", "model", "data", "checkpoints", "loss_line", "gradient_check", "gradient_health", "together")
_OPTION = "--config="
_MAX_BYTES = 2**20
_MAX_DEPTH = 20  # brackets within brackets
_MAX_ENTRIES = 1000  # a whole configuration has a hundred; the time of the parser grows with the square
_LONGEST_REASON = 500  # characters; the parser quotes what it refuses, however long
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_with_files(parse: Callable[[list[str]], Namespace], arguments: list[str]) -> Namespace:
    """Parse arguments once the files among them, each named as --config=FILE, have been checked.

    Args:
        parse: what parses arguments.
        arguments: a command and its options.

    Raises:
        UsageError: if a file or an option is not one that works; it names the file if that is to blame.
    """
    files = [argument for argument in arguments if argument.startswith(_OPTION)]
    for file in files:
        check_config_file(Path(file.removeprefix(_OPTION)))
    try:
        return parse(arguments)
    except UsageError as error:
        for file in files:  # one that cannot be parsed without the others, either, is the one to blame
            if _refusal(parse, [arguments[0], file]) == str(error):
                reason = shorten(str(error), _LONGEST_REASON)
                raise UsageError(f"{file.removeprefix(_OPTION)}: {reason}") from error
        raise UsageError(shorten(str(error), _LONGEST_REASON)) from error


def _refusal(parse: Callable[[list[str]], Namespace], arguments: list[str]) -> str | None:
    try:
        parse(arguments)
    except UsageError as error:
        return str(error)
    return None


def check_config_file(path: Path) -> None:
    """Refuse a file that is no plain YAML file, before it is parsed as a configuration.

    Raises:
        UsageError: if it is not a file, too large, not UTF-8 or YAML, has anchors, tags, keys that occur twice, numbers
            that are not finite, or brackets too deep; OSError: if it cannot be read.
    """
    try:
        text = _read(path)
        _check_events(text)
        root = yaml.compose(text, Loader=_Loader)
        if not isinstance(root, yaml.MappingNode):
            raise _FaultError("expected options by name, such as 'model: {lr: 0.1}', got none", root)
        _check_keys(root, (), set())
        _check_values(get_loader("yaml")(text))
    except _FaultError as fault:
        raise UsageError(f"{path}: {fault}") from fault
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a number of more digits than Python converts
        raise UsageError(f"{path}: expected a YAML file ({' '.join(str(error).split())})") from error


class _FaultError(Exception):
    """What is wrong with a file, and in which line."""

    def __init__(self, reason: str, place: Any = None) -> None:
        super().__init__(reason if place is None else f"line {place.start_mark.line + 1}: {reason}")


def _read(path: Path) -> str:
    if path.exists() and not path.is_file():  # to read from a device or a pipe may take forever
        raise _FaultError("expected a file, got a folder, a device or a pipe")
    if not path.exists():
        raise _FaultError("there is no such file")
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise _FaultError(f"expected a configuration of at most {_MAX_BYTES} bytes, got more")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _FaultError(f"expected text in UTF-8, got something else at byte {error.start}") from error


def _check_events(text: str) -> None:
    """Check what a parser says before it builds anything, which it would do by recursion."""
    depth = documents = entries = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        entries += isinstance(event, yaml.ScalarEvent)
        if entries > _MAX_ENTRIES:
            raise _FaultError(f"expected at most {_MAX_ENTRIES} keys and values, got more", event)
        if depth > _MAX_DEPTH:
            raise _FaultError(f"expected at most {_MAX_DEPTH} levels, one within the other, got more", event)
        if documents > 1:
            raise _FaultError("expected one document, got another one behind ---", event)
        if getattr(event, "anchor", None) is not None:
            raise _FaultError("anchors (&) and aliases (*) are not supported: write the value out, or in quotes", event)
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _FaultError(f"tags are not supported, got {tag}: leave it out", event)


def _check_keys(node: yaml.Node, path: tuple[str, ...], seen: set[str]) -> None:
    """Raise for a key that is no name, or that was there before; `model.lr` is `lr` in `model`.

    Args:
        node: of the file's tree.
        path: the keys that lead to it.
        seen: the paths of all keys so far.
    """
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _check_keys(item, (*path, str(index)), seen)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise _FaultError(f"expected a name as a key, got {key.value}", key)
            name = ".".join((*path, key.value))
            if name in seen:
                raise _FaultError(f"the key {name} is there twice: leave one of them out", key)
            seen.add(name)
            if not path and key.value == "config":
                raise _FaultError("a configuration cannot bring in another one: name both on the command line", key)
            if not path and key.value in _SECTIONS and not isinstance(value, yaml.MappingNode):
                raise _FaultError(f"{name}: expected options by name, got {value.value!r}", value)
            _check_keys(value, (*path, key.value), seen)


def _check_values(value: Any) -> None:
    for number, path in _numbers(value, ()):
        if not math.isfinite(number):
            raise _FaultError(f"{'.'.join(path)}: expected a finite number, got {number}")


def _numbers(value: Any, path: tuple[str, ...]) -> Iterator[tuple[float, tuple[str, ...]]]:
    if isinstance(value, float):
        yield value, path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _numbers(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _numbers(item, (*path, str(index)))
