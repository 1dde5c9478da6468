"""The parser of the command line. Its errors are one sentence, which says what may be meant."""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, Namespace

from torchnet.choices import did_you_mean, nearest
from torchnet.cli.foreign_config import CLASSES
from torchnet.data import Deformation
from torchnet.network import OPTIONS, network_options
from torchnet.runs.errors import UsageError

_ALTERNATIVES = re.compile(  # the error of jsonargparse for a value with several possible types
    r'Parser key "(?P<key>[^"]+)":.*\n  Errors:\n(?P<reasons>.*)\n'
    r"  Given value type: [^\n]*\n  Given value: (?P<value>.*)",
    re.DOTALL,
)
_CALLABLE = re.compile(r"^Type \S+\[.*\] expects a function or a callable class: ")

_WORDS = {  # of jsonargparse, and those of the command line
    r"<class '(?:\w+\.)*(\w+)'>": r"\1",
    r'Parser key "([^"]+)"': r"--\1",
    r"Unable to load config '([^']*)'\s+- .*": r"expected options by name, got \1",
    r"(--\S+): (?:Expected a list or )?the following arguments are required: (\w+).*class_path='\S*?(\w+)'.*": (
        r"\1: \3 needs \2: write \1.\2 VALUE"
    ),
    r"Not of type Seed: .*": "expected a whole number from 0 to 4294967295",
    r"(argument (--\S+): expected one argument)": r"\1: write \2 VALUE",
}
_UNKNOWN = re.compile(  # an unknown option: on the command line, in a file, or of a class
    r"unrecognized arguments: (?P<words>.*)|does not accept option '(?P<key>[^']+)'|"
    r"--(?P<of>[^:]+): Option '(?P<name>[^']+)' is not accepted"
)
_NO_CLASS = re.compile(r"--(?P<option>[^ :]+): .*(?:the name of a class, not |has no attribute ')(?P<name>[\w.]+)")
_NO_LIST = re.compile(r"--(?P<option>[^ :]+): .* or a list\. Got value: (?P<value>\S.*)")
_OTHERS = (
    "help",
    "config",
    "print_config",
    "trust-run",
    *(f"data.deformation.{field.name}" for field in fields(Deformation)),
)
_LISTS = (
    "model.hidden_sizes",
    "model.widths",
    "model.activation",
    "model.dropout",
    "model.class_weights",
)  # one value, or several
_OTHER_NAMES = {  # of options, as other programs call them
    "learning_rate": "model.lr",
    "layers": "model.hidden_sizes",
    "channels": "model.widths",
    "l2": "model.weight_decay",
    "seed": "seed_everything",
    "device": "trainer.accelerator",
    "gpu": "trainer.accelerator",
    "gpus": "trainer.devices",
    "dataset": "data.source",
    "data_dir": "data.source",
    "output": "trainer.default_root_dir",
    "output_dir": "trainer.default_root_dir",
    "resume": "ckpt_path",
    "checkpoint": "ckpt_path",
    "patience": "trainer.callbacks.patience",
}


class Parser(ArgumentParser):
    """The parser of jsonargparse with errors of one sentence; for the command line, and for each command."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise a UsageError; jsonargparse would print the usage and exit."""
        if (found := _ALTERNATIVES.fullmatch(message)) is not None:
            message = _one_sentence(found["key"], found["reasons"], found["value"])
        for pattern, words in _WORDS.items():
            message = re.sub(pattern, words, message)
        raise UsageError(message) from ex

    def dump(self, cfg: Namespace, *args: Any, **kwargs: Any) -> str:
        """Return a configuration as text, with the defaults of the kind of network."""
        cfg = cfg.clone()
        if "model" in cfg and "network" in cfg.model:
            with suppress(ValueError):  # which is raised when the options are used
                write_network_defaults(cfg.model)
        return super().dump(cfg, *args, **kwargs)


def write_network_defaults(model: Namespace) -> None:
    """Set the options of a kind of network that are None to its defaults, so that a configuration shows them.

    Raises:
        ValueError: if there is no such network, or it has no such option.
    """
    for name, value in network_options(model.network, {name: model[name] for name in OPTIONS}).items():
        model[name] = value


def _one_sentence(key: str, reasons: str, value: str) -> str:
    """Say why a value has none of its possible types, null aside."""
    said = (_CALLABLE.sub("", line.strip().removeprefix("- ")) for line in reasons.splitlines())
    text = " or ".join(dict.fromkeys(it for it in said if "NoneType" not in it)).replace(": or Expected", ": expected")
    text = text.replace(" or Expected", " or")
    text = text.replace("a dot import path string: ", "the name of a class, not ")
    return (
        f"--{key}: {text}"
        if "Got value: " in text or text.endswith(value) or "Option " in text
        else f"--{key}: {text}. Got value: {value}"
    )


def suggestion(message: str, options: Namespace, arguments: list[str]) -> str:
    """Return what to append to the error message of a command line: ": did you mean ...?", or "" if nothing is similar.

    Args:
        message: the error message.
        options: all options, with their defaults.
        arguments: the command line.
    """
    if (found := _NO_LIST.search(message)) is not None:
        return _as_list(found["option"], re.split(r"[,\s]+", found["value"].strip("[](), ")))
    if (found := _NO_CLASS.search(message)) is not None:
        return did_you_mean(nearest(_last(found["name"]), CLASSES.get(found["option"], ())))
    if (found := _UNKNOWN.search(message)) is None:
        return ""
    known = [*options.keys(), *_OTHERS]
    if found["key"] is not None:
        return did_you_mean(_nearest_options(found["key"], known))
    if found["name"] is not None:
        return did_you_mean(nearest(found["name"], [name for name in known if name.startswith(f"{found['of']}.")]))
    return _of_words(found["words"].split(), known, arguments)


def full_names(arguments: Iterable[str]) -> list[str]:
    """Return a command line in which names of classes are written as Python does: adam becomes torch.optim.Adam."""
    found, option = list[str](), ""
    for argument in arguments:
        is_option = argument.startswith("--")
        name, equals, value = argument.partition("=") if is_option else (option, "", argument)
        known = CLASSES.get(name.removeprefix("--").removesuffix("+"), ())
        full = next((path for path in known if _plain(_last(path)) == _plain(value)), value)
        found.append(argument if is_option and not equals else f"{name}={full}" if equals else full)
        option = argument if is_option else ""
    return found


def _of_words(words: list[str], known: list[str], arguments: list[str]) -> str:
    """Return what was meant by words that are no options, or follow one that has its value already."""
    first = words[0]
    if first.lstrip("-").partition("=")[0] in known:  # without its two dashes
        return did_you_mean([f"--{first.lstrip('-')}"])
    if not first.startswith("-") and first in arguments:
        before = arguments[: arguments.index(first)]
        start = max((k for k, word in enumerate(before) if word.startswith("--")), default=None)
        if start is not None:
            option, equals, value = before[start].removeprefix("--").partition("=")
            if option in _LISTS:
                words = [word for word in words if not word.startswith("--")]
                return _as_list(option, [*([value] if equals else []), *before[start + 1 :], *words])
    names = [word.removeprefix("--").partition("=")[0] for word in words if word.startswith("--")]
    return did_you_mean([f"--{name}" for word in names for name in _nearest_options(word, known)])


def _nearest_options(word: str, known: list[str]) -> list[str]:
    other = _OTHER_NAMES.get(_last(word).replace("-", "_"))
    return nearest(word, known) if other is None else [other]


def _as_list(option: str, values: list[str]) -> str:
    return f": write a list like this: --{option} '[{', '.join(values)}]'" if len(values) > 1 else ""


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _plain(name: str) -> str:
    return name.lower().replace("_", "")
