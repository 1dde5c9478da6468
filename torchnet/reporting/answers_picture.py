"""A picture of what a network was shown of images, and what it answered: who is to blame for an error, the eye sees."""

import io
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from torchnet.reporting.answers import Answer, printable
from torchnet.storage import write_durably

SUFFIXES = (".png", ".pdf", ".svg")
_LOOK_FOR = (
    "Look for: does what the network saw look like the digit in the picture? If it does not, the network cannot be\n"
    "blamed: show it one digit alone, on an even background. If it does, and the label is wrong, the network errs."
)
# In inches: the side of an image, the bars beside, the gaps between; what the texts need above all and above each.
_IMAGE, _BARS, _GAP, _BETWEEN = 1.0, 1.7, 0.15, 0.45
_NAME, _DIGITS, _BELOW = 0.24, 0.16, 0.22
_EDGE, _ABOVE, _HEADS, _TEXT_WIDTH = 0.2, 1.2, 0.25, 7.6
_BLOCK_WIDTH = 2 * _IMAGE + 2 * _GAP + _BARS
_BLOCK_HEIGHT = _NAME + _IMAGE + _DIGITS + _BELOW
_MOST = 100  # images in a picture: more could not be looked at
_LONGEST_NAME = 38  # characters that fit above an image, left of the answer
_LABEL, _OTHER = "#1f6fb4", "0.72"  # the colors of bars


def write_answers_picture(answers: list[Answer], title: str, path: Path) -> None:
    """Draw each image, what the network saw of it, and bars of its probabilities; of the first hundred, if more.

    Args:
        answers: at least one.
        title: what the picture is headed with.
        path: of a .png, .pdf or .svg file.

    Raises:
        OSError: if the file cannot be written.
    """
    from matplotlib.figure import Figure  # here: it takes a second, which nothing else should wait for

    drawn = answers[:_MOST]
    columns, rows = _grid(len(drawn))
    inner_width, inner_height = columns * (_BLOCK_WIDTH + _BETWEEN) - _BETWEEN, _HEADS + rows * _BLOCK_HEIGHT
    zoom = max(1.0, _TEXT_WIDTH / inner_width)  # a single image is drawn as large as the text is wide
    width, height = zoom * inner_width + 2 * _EDGE, _ABOVE + zoom * inner_height
    figure = Figure(figsize=(width, height))
    # Of these axes one unit is an inch, or `zoom` inches, in both directions; and y counts down.
    head: Any = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    place = (_EDGE / width, 0, 1 - 2 * _EDGE / width, 1 - _ABOVE / height)
    axes: Any = figure.add_axes(place, xlim=(0, inner_width), ylim=(inner_height, 0))
    for it in (head, axes):
        it.set_axis_off()
    left_out = f", the first {len(drawn)} of {len(answers)} images" if len(drawn) < len(answers) else ""
    head.text(_EDGE, _EDGE, title + left_out, va="top", fontsize=14, fontweight="bold", parse_math=False)
    head.text(_EDGE, _EDGE + 0.34, _LOOK_FOR, va="top", fontsize=10, color="0.35", linespacing=1.35)
    for column in range(columns):
        _draw_heads(axes, column * (_BLOCK_WIDTH + _BETWEEN))
    for k, answer in enumerate(drawn):
        x = k % columns * (_BLOCK_WIDTH + _BETWEEN)
        _draw_answer(axes, x, _HEADS + k // columns * _BLOCK_HEIGHT, answer, int(zoom * _LONGEST_NAME))
    file = io.BytesIO()
    with warnings.catch_warnings(action="ignore"):  # of letters in the names of files that the font does not have
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=150 if len(drawn) <= 20 else 100)
    write_durably(path, file.getvalue())


def _grid(n: int) -> tuple[int, int]:
    """Return how many columns and rows make a picture of n blocks about as wide as it is high: at least two, if two."""
    columns = min(n, max(2, round(math.sqrt(n * _BLOCK_HEIGHT / _BLOCK_WIDTH))))
    return columns, math.ceil(n / columns)


def _draw_heads(axes: Any, x: float) -> None:
    places = (0.0, "picture"), (_IMAGE + _GAP, "what it saw"), (2 * _IMAGE + 2 * _GAP, "probabilities")
    for left, head in places:
        axes.text(x + left, _HEADS / 2, head, va="center", fontsize=9, color="0.35", fontstyle="italic")


def _draw_answer(axes: Any, x: float, y: float, answer: Answer, longest_name: int) -> None:
    """Draw a block: a line with the name and the answer, and below it the two images and the bars."""
    label, top, bars = answer.label, y + _NAME, x + 2 * _IMAGE + 2 * _GAP
    share = 100 * answer.probabilities[label]
    middle = y + _NAME / 2
    axes.text(x, middle, _shortened(printable(answer.path), longest_name), va="center", fontsize=8, parse_math=False)
    axes.text(
        bars + _BARS, middle, f"{label}   {share:.1f} %", ha="right", va="center", color=_LABEL, fontweight="bold"
    )
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
    """Draw an image into the middle of a square, as large as its aspect ratio allows."""
    height, width = _IMAGE * np.array(pixels.shape[:2]) / max(pixels.shape[:2])
    left, top = x + (_IMAGE - width) / 2, y + (_IMAGE - height) / 2
    extent = (left, left + width, top + height, top)
    axes.imshow(pixels, "gray", vmin=0, vmax=255, interpolation="nearest", extent=extent, aspect="auto")
    corners = [left, left + width, left + width, left, left], [top, top, top + height, top + height, top]
    axes.plot(*corners, color=frame, linewidth=0.8, clip_on=False)


def _shortened(name: str, longest: int) -> str:
    """Keep the end of a long name, which tells files apart."""
    return name if len(name) <= longest else "…" + name[1 - longest :]
