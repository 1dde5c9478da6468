"""A configuration that comes with a checkpoint is data, not a program.

The parser of the command line imports every class that a configuration names, and calls it with any arguments. So the
configuration of somebody else's run could run their code. Before the parser sees it, it is compared with lists of
classes whose arguments are plain values. Nothing is imported for that.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import optim

from torchnet.layers import dotted_names
from torchnet.runs.errors import UsageError
from torchnet.runs.sections import SECTIONS
from torchnet.training.callbacks.known_classes import CALLBACKS, LOGGERS, REQUIRED

_NOT_PLAIN = ("Optimizer", "LRScheduler", "LambdaLR", "MultiplicativeLR", "SequentialLR", "ChainedScheduler")


def _classes(module: Any, base: type) -> dict[str, None]:
    found = (name for name, it in vars(module).items() if isinstance(it, type) and issubclass(it, base))
    return {f"{module.__name__}.{name}": None for name in found if name.lstrip("_") not in _NOT_PLAIN}


# The options that may name classes, and for each class the arguments that it may have; None: all plain ones.
CLASSES: dict[str, Mapping[str, frozenset[str] | None]] = {
    "model.optimizer": _classes(optim, optim.Optimizer),
    "model.scheduler": _classes(optim.lr_scheduler, optim.lr_scheduler.LRScheduler),
    "trainer.callbacks": CALLBACKS,
    "trainer.logger": LOGGERS,
}
_VALUES: dict[str, tuple[Any, ...]] = {  # the only values of these options that name no class
    "trainer.plugins": (None, []),
    "trainer.profiler": (None, "simple", "advanced"),
    "trainer.model_registry": (None,),
}
OWN_CLASSES = ("model.network", "model.activation")  # options that may name a class of the user's own
_PATH = "trainer.default_root_dir"
_WORD = re.compile("[A-Za-z0-9_:,-]*")  # without a dot it is not the name of a class


def known_part(config: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the parser may see of a configuration, and the values that could run code, by option."""
    known, foreign = _nested(config), {}
    for section, options in known.items():
        for option, value in list(options.items()) if section in SECTIONS else ():
            name = f"{section}.{option}"
            if not _is_known(name, value):
                foreign[name] = options.pop(option)
        if section not in SECTIONS and not _is_plain(options):
            foreign[section] = options
    return {section: options for section, options in known.items() if section not in foreign}, foreign


def config_of_run(path: Path, config: dict[str, Any], root: str) -> dict[str, Any]:
    """Return what counts of a configuration that comes with a checkpoint: without its paths for output.

    Args:
        path: the file, for the error message.
        config: its values.
        root: the folder of all runs, for the loggers that the configuration names.

    Raises:
        UsageError: if the configuration names anything that could run code.
    """
    known, foreign = known_part(config)
    for name, value in foreign.items():
        raise UsageError(
            f"{path}: {name}: {_named(name, value)} is not among the classes and values that the configuration of a "
            "checkpoint may name, as it could run code of whoever made the run: if you trust them, add --trust-run; "
            "if not, name a configuration of your own with --config"
        )
    trainer = known.get("trainer", {})
    trainer.pop("default_root_dir", None)
    for option in ("callbacks", "logger"):
        value, table = trainer.get(option), CLASSES[f"trainer.{option}"]
        where = {"save_dir": root} if option == "logger" else {}
        if isinstance(value, (str, dict, list)):
            items = [_listed_arguments(item, table, where) for item in (value if isinstance(value, list) else [value])]
            trainer[option] = items if isinstance(value, list) else items[0]
    return known


def _listed_arguments(item: Any, table: Mapping[str, Any], others: dict[str, str]) -> dict[str, Any]:
    """Return a class with those of its arguments that are on the list, and others."""
    name, arguments = _class_of(item)
    path = _listed(name, table)
    found: dict[str, Any] = {"class_path": path, "init_args": {}}
    for place, values in arguments.items():
        found[place] = {key: value for key, value in values.items() if key in table[str(path)]}
    found["init_args"] |= others
    return found


def _is_known(name: str, value: Any) -> bool:
    section, _, option = name.partition(".")
    if not re.fullmatch("[a-z_0-9]+", option):
        return False
    if name in CLASSES and not isinstance(value, bool):
        items = value if isinstance(value, list) else [] if value is None else [value]
        return all(_is_known_class(item, CLASSES[name]) for item in items)
    if name in _VALUES:
        return value in _VALUES[name]
    if name == "data.deformation":
        # A word, such as for a number, is left to the parser, whose message says more.
        return value is None or (
            isinstance(value, dict)
            and "class_path" not in value
            and all(
                it is None or isinstance(it, (int, float)) or (isinstance(it, str) and _WORD.fullmatch(it))
                for it in value.values()
            )
        )
    if name in OWN_CLASSES and dotted_names(value):
        return False
    if section == "trainer" and name != _PATH:
        return _is_plain(value) and all(_WORD.fullmatch(text) for text in _strings(value))
    return _is_plain(value)


def _is_known_class(item: Any, table: Mapping[str, Any]) -> bool:
    name, arguments = _class_of(item)
    path = _listed(name, table)
    if path is None:
        return False
    given = arguments.get("init_args", {})
    if any(not isinstance(given, dict) or given.get(key) != value for key, value in REQUIRED.get(path, {}).items()):
        return False
    for values in arguments.values():
        if not isinstance(values, dict) or not all(map(_is_plain, values.values())):
            return False
        if table[path] is None and not all(_WORD.fullmatch(text) for it in values.values() for text in _strings(it)):
            return False  # the dotted name of a function, where the class takes one
    return True


def _class_of(item: Any) -> tuple[Any, dict[str, Any]]:
    """Return the name of a class in a configuration, and its arguments; the name is None if there is none."""
    if not isinstance(item, dict):
        return item, {}
    if not {"class_path"} <= item.keys() <= {"class_path", "init_args", "dict_kwargs"}:
        return None, {}
    return item["class_path"], {key: value for key, value in item.items() if key != "class_path" and value is not None}


def _listed(name: Any, table: Mapping[str, Any]) -> str | None:
    """Return the full name of a class that is named by it or by its last part; None if it is not on the list."""
    return next((path for path in table if name in (path, path.rpartition(".")[2])), None)


def _is_plain(value: Any) -> bool:
    """Return whether a value is a number, a string or null, or a list or dict of such that does not name a class."""
    if isinstance(value, dict):
        return "class_path" not in value and all(not isinstance(it, (dict, list)) for it in value.values())
    return all(map(_is_plain, value)) if isinstance(value, list) else True


def _strings(value: Any) -> list[str]:
    items = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]


def _named(name: str, value: Any) -> str:
    """Return what an error message names: the first class that is not on the list, or the value."""
    for item in value if isinstance(value, list) else [value]:
        if name == "model.activation" and isinstance(value, list) and not dotted_names(item):
            continue
        if name not in CLASSES or not _is_known_class(item, CLASSES[name]):
            found = item.get("class_path", item) if isinstance(item, dict) else item
            is_listed = name in CLASSES and _listed(found, CLASSES[name]) is not None
            return f"{found!s:.100}{' with these arguments' if is_listed else ''}"
    return f"{value!s:.100}"


def _nested(config: dict[str, Any]) -> dict[str, Any]:
    """Return a copy in which a key like model.lr is lr in model. The copy shares no section with the original."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        first, dot, rest = key.partition(".")
        if dot:
            value = {rest: value}
        if isinstance(value, dict) and (dot or first in SECTIONS):
            found[first] = _nested(value) | found.get(first, {}) if isinstance(found.get(first, {}), dict) else value
        else:
            found[first] = value
    return found
