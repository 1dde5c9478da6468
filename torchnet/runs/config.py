"""Configuration files, read as plain data: small YAML files in which each key occurs once."""

import math
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import get_loader

from torchnet.choices import did_you_mean, nearest
from torchnet.data import DataError
from torchnet.runs.errors import UsageError
from torchnet.runs.sections import SECTIONS
from torchnet.storage import open_regular_file

_MAX_BYTES = 2**16  # a full configuration has about 4,000
_MAX_NODES = 1000  # a full configuration has about 250; the parser of the command line takes quadratic time


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the values of a configuration file: dicts, lists, strings, numbers, booleans and None.

    Raises:
        UsageError: if it is not a file, too large, or not UTF-8 or YAML, or has aliases, duplicate keys, Inf or NaN, or
            values of other types; OSError: if it cannot be read.
    """
    if not path.exists():
        raise UsageError(f"{path}: there is no such file{did_you_mean(_similar_files(path))}")
    with open_regular_file(path, "a configuration", UsageError) as file:
        content = file.read(_MAX_BYTES + 1)
    try:
        return parse_yaml(content.decode("utf-8-sig"), path)
    except UnicodeDecodeError as error:
        fault = f"expected text in UTF-8, got something else at byte {error.start}"
        raise UsageError(f"{path}: {fault}") from error


def _similar_files(path: Path) -> list[str]:
    """Return the configurations beside a path, or in configs/, whose names are similar to its name."""
    folders = [path.parent, *([Path("configs")] if path.parent == Path() else [])]
    files = [file for folder in folders for file in (*folder.glob("*.yaml"), *folder.glob("*.yml"))]
    names = nearest(path.stem, dict.fromkeys(file.stem for file in files))
    return [str(file) for name in names for file in files if file.stem == name]


def parse_yaml(text: str, source: object) -> dict[str, Any]:
    """Return the values of a configuration; `source` is its name in error messages."""
    try:
        if len(text) > _MAX_BYTES:
            raise _FaultError(f"expected a configuration of at most {_MAX_BYTES} bytes, got more")
        root = yaml.compose(text, Loader=_Loader)
        if not isinstance(root, yaml.MappingNode):
            raise _FaultError("expected options by name, such as 'model: {lr: 0.1}', got none", root)
        _check_keys(root, (), set())
        values: dict[str, Any] = get_loader("yaml")(text)  # as the parser of the command line reads them
        _check_values(values)
        return values
    except _FaultError as fault:
        raise UsageError(f"{source}: {fault}") from fault
    except RecursionError as error:
        raise UsageError(f"{source}: expected options by name, got deeply nested brackets") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a number with more digits than Python converts
        raise UsageError(f"{source}: expected a YAML file ({' '.join(str(error).split())})") from error


class _FaultError(Exception):
    """A fault of a file, with its line."""

    def __init__(self, reason: str, place: Any = None) -> None:
        super().__init__(reason if place is None else f"line {place.start_mark.line + 1}: {reason}")


class _Loader(yaml.SafeLoader):
    """A loader without aliases, which can expand exponentially. It is in Python, where deep nesting is an error."""

    nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        place: Any = self.peek_event()  # type: ignore[no-untyped-call]  # in PyYAML's stubs
        self.nodes += 1
        if self.nodes > _MAX_NODES:
            raise _FaultError(f"expected at most {_MAX_NODES} keys and values, got more", place)
        if self.check_event(yaml.AliasEvent):
            raise _FaultError("aliases (*) are not supported: write the value out, or in quotes", place)
        return super().compose_node(parent, index)


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
    if not isinstance(value, (dict, list, str, int, float, type(None))):
        raise _FaultError(f"{'.'.join(path)}: expected plain values, got a {type(value).__name__}: write it in quotes")
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        _check_values(item, (*path, str(key)))


def read_config(path: Path) -> dict[str, Any]:
    """Return the configuration of a run, as plain data.

    Raises:
        DataError: if the file is not the configuration of a run.
    """
    try:
        config = read_yaml(path)
    except UsageError as error:
        raise DataError(str(error)) from error
    if not isinstance(config.get("model"), dict):
        raise DataError(f"{path}: expected the configuration of a run, got one without model")
    return config
