"""A bar of progress, where there is a terminal to draw it on."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich import progress
from rich.console import Console

T = TypeVar("T")


def track(pictures: Sequence[T]) -> Iterable[T]:
    """Hand on the pictures of a report, one by one, with a bar that says how many are drawn and how long it takes."""
    console = Console(stderr=True)
    return progress.track(pictures, "report", console=console, transient=True, disable=not console.is_terminal)
