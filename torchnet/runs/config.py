"""Configuration files, read as plain data: small YAML files in which each key occurs once.

YAML has features that no configuration needs and that can do harm: anchors that expand exponentially, tags that make
objects, a duplicate key that silently replaces the first.
"""

import math
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import get_loader

from torchnet.runs.errors import UsageError
from torchnet.runs.sections import SECTIONS

_MAX_BYTES = 2**20
_MAX_DEPTH = 20  # nested brackets
_MAX_ENTRIES = 1000  # a full configuration has about a hundred; parsing takes quadratic time
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_config_file(path: Path) -> None:
    """Raise for a file that is not a plain YAML file, before it is parsed as a configuration.

    Raises:
        UsageError: if it is not a file, too large, or not UTF-8 or YAML, or has anchors, tags, duplicate keys, Inf or
            NaN, or deeply nested brackets; OSError: if it cannot be read.
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
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a number with more digits than Python converts
        raise UsageError(f"{path}: expected a YAML file ({' '.join(str(error).split())})") from error


class _FaultError(Exception):
    """A fault of a file, with its line."""

    def __init__(self, reason: str, place: Any = None) -> None:
        super().__init__(reason if place is None else f"line {place.start_mark.line + 1}: {reason}")


def _read(path: Path) -> str:
    if not path.is_file():  # reading a device or a pipe may block forever
        raise _FaultError(
            "expected a file, got a folder, a device or a pipe" if path.exists() else "there is no such file"
        )
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise _FaultError(f"expected a configuration of at most {_MAX_BYTES} bytes, got more")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _FaultError(f"expected text in UTF-8, got something else at byte {error.start}") from error


def _check_events(text: str) -> None:
    """Check the events of the YAML parser, before it builds objects recursively."""
    depth = documents = entries = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        entries += isinstance(event, yaml.ScalarEvent)
        if entries > _MAX_ENTRIES:
            raise _FaultError(f"expected at most {_MAX_ENTRIES} keys and values, got more", event)
        if depth > _MAX_DEPTH:
            raise _FaultError(f"expected at most {_MAX_DEPTH} nested levels, got more", event)
        if documents > 1:
            raise _FaultError("expected one document, got another one after ---", event)
        if getattr(event, "anchor", None) is not None:
            raise _FaultError("anchors (&) and aliases (*) are not supported: write the value out, or in quotes", event)
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _FaultError(f"tags are not supported, got {tag}: leave it out", event)


def _check_keys(node: yaml.Node, path: tuple[str, ...], seen: set[str]) -> None:
    """Raise for a key that is not a string or occurs twice; `model.lr` is `lr` in `model`."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _check_keys(item, (*path, str(index)), seen)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise _FaultError(f"expected a name as a key, got {key.value}", key)
            name = ".".join((*path, key.value))
            if name in seen:
                raise _FaultError(f"the key {name} occurs twice: remove one of them", key)
            seen.add(name)
            if name == "config":
                raise _FaultError("a configuration cannot include another one: name both on the command line", key)
            if name in SECTIONS and not isinstance(value, yaml.MappingNode):
                raise _FaultError(f"{name}: expected options by name, got {value.value!r}", value)
            _check_keys(value, (*path, key.value), seen)


def _check_values(value: Any, path: tuple[str, ...] = ()) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise _FaultError(f"{'.'.join(path)}: expected a finite number, got {value}")
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        _check_values(item, (*path, str(key)))


def read_config(path: Path) -> dict[str, Any]:
    """Return the configuration of a run, as plain data.

    Raises:
        UsageError: if the file is not the configuration of a run.
    """
    check_config_file(path)
    config = yaml.safe_load(path.read_text())
    if not isinstance(config.get("model"), dict):
        raise UsageError(f"{path}: expected the configuration of a run, got one without model")
    return dict(config)
