"""A name that has to be one of several, and what may have been meant by one that is not."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Any

_MOST = 3  # suggestions
_LEAST = 0.6  # likeness, of 1 for the same
_BEHIND = 0.1  # the most by which the others may be less alike than the best


def expect_one_of(argument: str, value: Any, known: Iterable[Any]) -> None:
    """Raise a ValueError unless a value is one of those that are known."""
    known = list(known)
    if value not in known:
        names = [str(it) for it in known]
        hint = did_you_mean(nearest(str(value), names))
        raise ValueError(f"{argument}: expected one of {', '.join(names)}, got {value!r}{hint}")


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """Return at most three names that are like a word, the most alike first.

    Args:
        word: what was given.
        known: what it may have meant; of a name like trainer.max_epochs, the last part is compared first.
    """
    alike = [(_likeness(_last(word), _last(name)), _likeness(word, name), name) for name in known]
    alike.sort(key=lambda it: it[:2], reverse=True)
    return [name for last, _, name in alike[:_MOST] if last >= max(_LEAST, alike[0][0] - _BEHIND)]


def did_you_mean(names: list[str]) -> str:
    """Return ": did you mean a, b or c?", to go behind a message; "" if there are no names."""
    *others, last = names or [""]
    return f": did you mean {', '.join(others)}{' or ' if others else ''}{last}?" if names else ""


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()
