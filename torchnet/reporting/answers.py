"""The predictions of a network for image files, as a table."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from torchnet.data import Classes, Quantities
from torchnet.printable import printable

MOST_SHOWN = 5  # classes or quantities where there is no room for all
_MIN_NAME_WIDTH = 12  # characters; the column of file names is not folded to less
_MOST_COLUMNS, _LONGEST_NAME = 10, 8  # classes with a column each, and characters of their names


@dataclass(frozen=True)
class Answer:
    """The prediction of a network for one image file.

    Attributes:
        path: the image file.
        picture: (height, width, 3) uint8, a small copy of the image, upright.
        seen: (height, width) or (height, width, 3) uint8, the input of the network.
        values: (C,), the probability of each class; or (K,), the quantities in their units.
        targets: the classes, or the quantities.
        as_digit: whether the picture was brought to the form of MNIST's digits.
    """

    path: Path
    picture: np.ndarray
    seen: np.ndarray
    values: np.ndarray
    targets: Classes | Quantities
    as_digit: bool = False

    @property
    def label(self) -> object:
        """The most probable label, as it is in the data; of a regression, the first quantity."""
        if isinstance(self.targets, Classes):
            return self.targets.labels[self.values.argmax()].item()
        return float(self.values[0])

    @property
    def shown(self) -> list[tuple[str, float]]:
        """The most probable classes, or the first quantities, with their values; at most five."""
        order = range(len(self.values))
        places = np.argsort(-self.values, kind="stable") if isinstance(self.targets, Classes) else order
        return [(self.targets.names[k], float(self.values[k])) for k in places[:MOST_SHOWN]]


def print_answers(answers: list[Answer], console: Console) -> None:
    """Print the label of each image and the probability of each class in percent, or the quantities.

    Of many classes, or of long names, the five most probable are printed. Nothing is cut off: a terminal folds long
    file names. Elsewhere each image has one line of any length.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("image", overflow="fold")
    targets = answers[0].targets
    has_columns = len(targets.names) <= _MOST_COLUMNS and max(map(len, targets.names)) <= _LONGEST_NAME
    if not isinstance(targets, Classes):
        for name in targets.names:
            table.add_column(printable(name), justify="right")
    else:
        table.add_column("label", justify="right", style="bold")
        for name in targets.names if has_columns else ():
            table.add_column(f"{printable(name)} %", justify="right")
        if not has_columns:
            table.add_column("most probable, %")
    for answer in answers:
        table.add_row(Text(printable(answer.path)), *_cells(answer, has_columns))
    _print(table, [printable(answer.path) for answer in answers], console)


def _cells(answer: Answer, has_columns: bool) -> list[Text]:
    """Return what follows the name of the image in its row."""
    if not isinstance(answer.targets, Classes):
        return [Text(f"{value:.6g}") for value in answer.values]
    label = Text(printable(answer.label))
    if not has_columns:
        return [label, Text(", ".join(f"{printable(name)} {100 * value:.1f}" for name, value in answer.shown))]
    percents = [Text(f"{100 * probability:.1f}") for probability in answer.values]
    percents[int(answer.values.argmax())].stylize("bold green")
    return [label, *percents]


def _print(table: Table, names: list[str], console: Console) -> None:
    column = table.columns[0]
    width = console.measure(table, options=console.options.update(width=10**6)).maximum
    if console.is_terminal and width > console.width:
        longest = max(map(len, names))
        column.width = max(_MIN_NAME_WIDTH, console.width - (width - longest))
        width += column.width - longest
    console.width = max(console.width, width)  # an even narrower terminal wraps the lines itself
    console.print(table)
