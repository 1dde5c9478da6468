"""The parser of the command line. Its errors are one sentence, in the words of the command line."""

import re
from dataclasses import fields
from typing import NoReturn

from jsonargparse import ArgumentParser, Namespace

from torchnet.choices import did_you_mean, nearest
from torchnet.data import Deformation
from torchnet.runs.errors import UsageError

_ALTERNATIVES = re.compile(  # the error of jsonargparse for a value with several possible types
    r'Parser key "(?P<key>[^"]+)":.*\n  Errors:\n(?P<reasons>.*)\n'
    r"  Given value type: [^\n]*\n  Given value: (?P<value>.*)",
    re.DOTALL,
)
_CALLABLE = re.compile(r"^Type \S+\[.*\] expects a function or a callable class: ")
_UNKNOWN = re.compile(  # an unknown option: on the command line, in a file, or of a class
    r"unrecognized arguments: (?P<words>.*)|does not accept option '(?P<key>[^']+)'|"
    r"--(?P<of>[^:]+): Option '(?P<name>[^']+)' is not accepted"
)
_OTHERS = (
    "help",
    "config",
    "print_config",
    "trust-run",
    *(f"data.deformation.{field.name}" for field in fields(Deformation)),
)


class Parser(ArgumentParser):
    """The parser of jsonargparse with errors of one sentence; for the command line, and for each command."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise a UsageError; jsonargparse would print the usage and exit."""
        if (found := _ALTERNATIVES.fullmatch(message)) is not None:
            message = _one_sentence(found["key"], found["reasons"], found["value"])
        message = re.sub(r'Parser key "([^"]+)"', r"--\1", message)
        raise UsageError(re.sub(r"<class '(\w+)'>", r"\1", message)) from ex


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


def suggestion(message: str, options: Namespace) -> str:
    """Return ": did you mean ...?" for the unknown options in an error message; "" if no name is similar."""
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
