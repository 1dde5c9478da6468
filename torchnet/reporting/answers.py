"""The predictions of a network for image files: a table, and a picture that shows what the network was given."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from torchnet.printable import printable
from torchnet.reporting.picture import encoded
from torchnet.storage import write_durably

_MIN_NAME_WIDTH = 12  # characters; the column of file names is not folded to less
_LOOK_FOR = (
    "Look for: does the network input look like the digit in the picture? If not, change the picture: show one\n"
    "digit alone, on an even background. If it does and the label is wrong, the network made a mistake."
)
# Inches. A block shows one image file: its picture, the network input and the bars, with the name above.
_IMAGE, _BARS, _GAP, _BETWEEN = 1.0, 1.7, 0.15, 0.45
_NAME, _DIGITS, _BELOW = 0.24, 0.16, 0.22
_EDGE, _ABOVE, _HEADS, _TEXT_WIDTH = 0.2, 1.2, 0.25, 7.6
_BLOCK_WIDTH = 2 * _IMAGE + 2 * _GAP + _BARS
_BLOCK_HEIGHT = _NAME + _IMAGE + _DIGITS + _BELOW
_MAX_IMAGES = 100
_MAX_NAME = 38  # characters that fit above the images
_LABEL, _OTHER = "#1f6fb4", "0.72"  # colors of the bars


@dataclass(frozen=True)
class Answer:
    """The prediction of a network for one image file.

    Attributes:
        path: the image file.
        picture: (height, width, 3) uint8, a small copy of the image, upright.
        seen: (size, size) uint8, the input of the network.
        probabilities: (C,), the probability of each class.
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
    """Print the label of each image and the probability of each class in percent. Nothing is cut off.

    A terminal folds long file names. Elsewhere each image has one line of any length.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("image", overflow="fold")
    table.add_column("label", justify="right", style="bold")
    for label in range(len(answers[0].probabilities)):
        table.add_column(f"{label} %", justify="right")
    for answer in answers:
        percents = [Text(f"{100 * probability:.1f}") for probability in answer.probabilities]
        percents[answer.label].stylize("bold green")
        table.add_row(Text(printable(answer.path)), str(answer.label), *percents)
    names = table.columns[0]
    width = console.measure(table, options=console.options.update(width=10**6)).maximum
    if console.is_terminal and width > console.width:
        longest = max(len(printable(answer.path)) for answer in answers)
        names.width = max(_MIN_NAME_WIDTH, console.width - (width - longest))
        width += names.width - longest
    console.width = max(console.width, width)  # an even narrower terminal wraps the lines itself
    console.print(table)


def write_answers_picture(answers: list[Answer], title: str, path: Path) -> None:
    """Draw each image, the network input made from it, and its probabilities as bars; at most 100 images.

    The suffix of the path selects the format: .png, .pdf or .svg.
    """
    from matplotlib.figure import Figure  # imported here, because it takes a second

    drawn = answers[:_MAX_IMAGES]
    columns, rows = _grid(len(drawn))
    inner_width, inner_height = columns * (_BLOCK_WIDTH + _BETWEEN) - _BETWEEN, _HEADS + rows * _BLOCK_HEIGHT
    zoom = max(1.0, _TEXT_WIDTH / inner_width)  # a single image is enlarged to the width of the text
    width, height = zoom * inner_width + 2 * _EDGE, _ABOVE + zoom * inner_height
    figure = Figure(figsize=(width, height))
    # One unit is one inch on the first axes and `zoom` inches on the second. The y axes point down.
    head: Any = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    place = (_EDGE / width, 0, 1 - 2 * _EDGE / width, 1 - _ABOVE / height)
    axes: Any = figure.add_axes(place, xlim=(0, inner_width), ylim=(inner_height, 0))
    for it in (head, axes):
        it.set_axis_off()
    left_out = f", the first {len(drawn)} of {len(answers)} images" if len(drawn) < len(answers) else ""
    head.text(_EDGE, _EDGE, title + left_out, va="top", fontsize=14, fontweight="bold", parse_math=False)
    head.text(_EDGE, _EDGE + 0.34, _LOOK_FOR, va="top", fontsize=10, color="0.35", linespacing=1.35)
    for column in range(columns):
        x = column * (_BLOCK_WIDTH + _BETWEEN)
        heads = (x, "picture"), (x + _IMAGE + _GAP, "network input"), (x + 2 * _IMAGE + 2 * _GAP, "probabilities")
        for left, text in heads:
            axes.text(left, _HEADS / 2, text, va="center", fontsize=9, color="0.35", fontstyle="italic")
    for k, answer in enumerate(drawn):
        x = k % columns * (_BLOCK_WIDTH + _BETWEEN)
        _draw_answer(axes, x, _HEADS + k // columns * _BLOCK_HEIGHT, answer, int(zoom * _MAX_NAME))
    write_durably(path, encoded(figure, path.suffix, dpi=150 if len(drawn) <= 20 else 100))


def _grid(n: int) -> tuple[int, int]:
    """Return the columns and rows that make a picture of n blocks about square, with at least two columns if n > 1."""
    columns = min(n, max(2, round(math.sqrt(n * _BLOCK_HEIGHT / _BLOCK_WIDTH))))
    return columns, math.ceil(n / columns)


def _draw_answer(axes: Any, x: float, y: float, answer: Answer, longest_name: int) -> None:
    """Draw a block: the file name and the label, and below them the two images and the bars."""
    label, top, bars = answer.label, y + _NAME, x + 2 * _IMAGE + 2 * _GAP
    percent = 100 * answer.probabilities[label]
    middle = y + _NAME / 2
    name = printable(answer.path)
    name = name if len(name) <= longest_name else "…" + name[1 - longest_name :]  # the end tells files apart
    axes.text(x, middle, name, va="center", fontsize=8, parse_math=False)
    text = f"{label}   {percent:.1f} %"
    axes.text(bars + _BARS, middle, text, ha="right", va="center", color=_LABEL, fontweight="bold")
    _draw_image(axes, x, top, answer.picture, frame="0.75")
    _draw_image(axes, x + _IMAGE + _GAP, top, answer.seen, frame="black")
    step = _BARS / len(answer.probabilities)
    centers = bars + step * (np.arange(len(answer.probabilities)) + 0.5)
    colors = [_LABEL if k == label else _OTHER for k in range(len(centers))]
    axes.bar(centers, -_IMAGE * answer.probabilities, 0.8 * step, bottom=top + _IMAGE, color=colors, linewidth=0)
    axes.hlines(top + _IMAGE, bars, bars + _BARS, color="0.5", linewidth=0.8)
    for k, center in enumerate(centers):
        weight, color = ("bold", _LABEL) if k == label else ("normal", "0.35")
        place = top + _IMAGE + _DIGITS / 2
        axes.text(center, place, str(k), ha="center", va="center", fontsize=8, color=color, fontweight=weight)


def _draw_image(axes: Any, x: float, y: float, pixels: np.ndarray, frame: str) -> None:
    """Draw an image in the middle of a square, as large as its aspect ratio allows."""
    height, width = _IMAGE * np.array(pixels.shape[:2]) / max(pixels.shape[:2])
    left, top = x + (_IMAGE - width) / 2, y + (_IMAGE - height) / 2
    extent = (left, left + width, top + height, top)
    axes.imshow(pixels, "gray", vmin=0, vmax=255, interpolation="nearest", extent=extent, aspect="auto")
    corners = [left, left + width, left + width, left, left], [top, top, top + height, top + height, top]
    axes.plot(*corners, color=frame, linewidth=0.8, clip_on=False)
