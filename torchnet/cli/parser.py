"""The parser of the arguments: what is wrong with them, in one sentence and in the words of the command line."""

import re
from dataclasses import fields
from typing import NoReturn

from jsonargparse import Namespace
from pytorch_lightning.cli import LightningArgumentParser

from torchnet.choices import did_you_mean, nearest
from torchnet.data import Deformation
from torchnet.runs.errors import UsageError

_ALTERNATIVES = re.compile(  # what jsonargparse says of a value that may be of several types
    r'Parser key "(?P<key>[^"]+)":.*\n  Errors:\n(?P<reasons>.*)\n'
    r"  Given value type: [^\n]*\n  Given value: (?P<value>.*)",
    re.DOTALL,
)
_CALLABLE = re.compile(r"^Type \S+\[.*\] expects a function or a callable class: ")
_UNKNOWN = re.compile(  # an option on the command line, in a file, and of a class in either
    r"unrecognized arguments: (?P<words>.*)|does not accept option '(?P<key>[^']+)'|"
    r"--(?P<of>[^:]+): Option '(?P<name>[^']+)' is not accepted"
)
_OTHERS = ("help", "config", "print_config", *(f"data.deformation.{field.name}" for field in fields(Deformation)))


class Parser(LightningArgumentParser):
    """Lightning's, whose errors are one sentence. It is the parser of all commands, and so is that of each of them."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise what jsonargparse would print below the usage before it exits."""
        if (found := _ALTERNATIVES.fullmatch(message)) is not None:
            message = _one_sentence(found["key"], found["reasons"], found["value"])
        message = re.sub(r'Parser key "([^"]+)"', r"--\1", message)
        raise UsageError(re.sub(r"<class '(\w+)'>", r"\1", message)) from ex


def _one_sentence(key: str, reasons: str, value: str) -> str:
    """Say of all types that a value might have had, but for null, why it has not."""
    said = (_CALLABLE.sub("", line.strip().removeprefix("- ")) for line in reasons.splitlines())
    text = " or ".join(dict.fromkeys(it for it in said if "NoneType" not in it)).replace(" or Expected", " or")
    text = text.replace("a dot import path string: ", "the name of a class, not ")
    return f"--{key}: {text}" if text.endswith(value) or "Option " in text else f"--{key}: {text}. Got value: {value}"


def suggestion(message: str, options: Namespace) -> str:
    """Return what may have been meant by options that there are not, to go behind a message; "" if nothing is near.

    Args:
        message: of an error.
        options: those that there are.
    """
    found = _UNKNOWN.search(message)
    if found is None:
        return ""
    known = [*options.keys(), *_OTHERS]
    if found["key"] is not None:
        return did_you_mean(nearest(found["key"], known))
    if found["name"] is not None:
        return did_you_mean(nearest(found["name"], [name for name in known if name.startswith(f"{found['of']}.")]))
    words = [word.removeprefix("--").partition("=")[0] for word in found["words"].split() if word.startswith("--")]
    return did_you_mean([f"--{name}" for word in words for name in nearest(word, known)])
