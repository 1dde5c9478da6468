"""Validate a name against a list of choices, and suggest similar names."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Any

_MAX_SUGGESTIONS = 3
_MIN_SIMILARITY = 0.6  # 1 for equal names
_MAX_GAP = 0.1  # by which a suggestion may be less similar than the best one


def expect_one_of(argument: str, value: Any, known: Iterable[Any]) -> None:
    """Raise a ValueError, with suggestions, unless the value is one of those known."""
    known = list(known)
    if value not in known:
        names = [str(it) for it in known]
        parts = [part.strip() for part in str(value).split(",")]
        is_list = len(parts) > 1 and all(part in names for part in parts)
        word = getattr(value, "__name__", str(value))
        hint = f": write a list as [{', '.join(parts)}]" if is_list else did_you_mean(nearest(word, names))
        raise ValueError(f"{argument}: expected one of {', '.join(names)}, got {value!r}{hint}")


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """Return at most three of the known names that are similar to a word, the most similar first.

    Of dotted names such as trainer.max_epochs, the last part is compared first. mse is similar to mean_squared_error.
    """
    ranked = [(_similarity(_last(word), _last(name)), _similarity(word, name), name) for name in known]
    ranked.sort(key=lambda it: it[:2], reverse=True)
    least = max(_MIN_SIMILARITY, ranked[0][0] - _MAX_GAP) if ranked else 0
    return [name for last, _, name in ranked[:_MAX_SUGGESTIONS] if last >= least]


def did_you_mean(names: list[str]) -> str:
    """Return ": did you mean a, b or c?", to append to a message; "" if there are no names."""
    *others, last = names or [""]
    return f": did you mean {', '.join(others)}{' or ' if others else ''}{last}?" if names else ""


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _similarity(one: str, other: str) -> float:
    one, other = one.lower(), other.lower()
    initials = "".join(part[0] for part in other.split("_") if part)
    return 1.0 if one == initials and len(one) > 1 else SequenceMatcher(None, one, other).ratio()
