"""What a network says about images that are not of a data set, as a table."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_NARROWEST = 12  # characters of the column with the names of files: narrower ones are folded
_ENDLESS = 10**6  # characters


@dataclass(frozen=True)
class Answer:
    """What a network says about an image.

    Attributes:
        path: of the file.
        picture: (height, width, 3) uint8, a small copy of it, upright.
        seen: (size, size) uint8, what the network was shown.
        probabilities: (C,), of each class.
    """

    path: Path
    picture: np.ndarray
    seen: np.ndarray
    probabilities: np.ndarray

    @property
    def label(self) -> int:
        """The most probable class."""
        return int(self.probabilities.argmax())


def print_answers(answers: list[Answer], console: Console) -> None:
    """Print the label of each image and the probability of each class, in percent; nothing of it is ever cut off.

    Long names of files are folded on a terminal; elsewhere each image has one line, however long.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("image", overflow="fold")
    table.add_column("label", justify="right", style="bold")
    for label in range(len(answers[0].probabilities)):
        table.add_column(f"{label} %", justify="right")
    for answer in answers:
        shares = [Text(f"{100 * share:.1f}") for share in answer.probabilities]
        shares[answer.label].stylize("bold green")
        table.add_row(Text(printable(answer.path)), str(answer.label), *shares)
    names = table.columns[0]
    whole = console.measure(table, options=console.options.update(width=_ENDLESS)).maximum
    if console.is_terminal and whole > console.width:
        longest = max(len(printable(answer.path)) for answer in answers)
        names.width = max(_NARROWEST, console.width - (whole - longest))
        whole += names.width - longest
    console.width = max(console.width, whole)  # on a terminal that is narrower still, lines are wrapped by it
    console.print(table)


def printable(path: Path) -> str:
    """Return the name of a file with everything escaped that would do more to a terminal than appear on it."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(path))
