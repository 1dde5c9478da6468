"""A picture of the predictions for image files, which shows what the network was given."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from torchnet.data import Classes
from torchnet.drawing.picture import encoded
from torchnet.printable import printable
from torchnet.reporting.answers import MOST_SHOWN, Answer
from torchnet.storage import write_durably

_LOOK_FOR_DIGIT = (
    "Look for: does the network input look like the digit in the picture? If not, change the picture: show one\n"
    "digit alone, on an even background. If it does and the label is wrong, the network made a mistake."
)
_LOOK_FOR = (
    "Look for: does the network input show what the picture shows? Only the middle of the picture is seen, reduced\n"
    "to the size of the training images. If it does and the prediction is wrong, the network made a mistake."
)
# Inches. A block shows one image file: its picture, the network input and the bars, with the name above.
_IMAGE, _BARS, _GAP, _BETWEEN = 1.0, 1.7, 0.15, 0.45
_NAME, _DIGITS, _BELOW = 0.24, 0.16, 0.22
_EDGE, _ABOVE, _HEADS, _TEXT_WIDTH = 0.2, 1.2, 0.25, 7.6
_BLOCK_WIDTH = 2 * _IMAGE + 2 * _GAP + _BARS
_BLOCK_HEIGHT = _NAME + _IMAGE + _DIGITS + _BELOW
_MAX_IMAGES = 100
_MOST_BARS, _SHORT = 12, 2  # classes with a bar each, and characters of their names
_MAX_NAME = 38  # characters that fit above the images
_LABEL_LENGTH = 11  # characters that fit above the values; a longer label shortens the name by two for each more
_LABEL, _OTHER = "#1f6fb4", "0.72"  # colors of the bars


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
    look_for = _LOOK_FOR_DIGIT if answers[0].as_digit else _LOOK_FOR
    head.text(_EDGE, _EDGE + 0.34, look_for, va="top", fontsize=10, color="0.35", linespacing=1.35)
    for column in range(columns):
        x = column * (_BLOCK_WIDTH + _BETWEEN)
        values = "probabilities" if isinstance(answers[0].targets, Classes) else "quantities"
        heads = (x, "picture"), (x + _IMAGE + _GAP, "network input"), (x + 2 * _IMAGE + 2 * _GAP, values)
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
    """Draw a block: the file name and the prediction, and below them the two images and the values."""
    top, left = y + _NAME, x + 2 * _IMAGE + 2 * _GAP
    middle = y + _NAME / 2
    label, value = answer.shown[0]
    is_class = isinstance(answer.targets, Classes)
    text = f"{_cut(label, 14)}   {100 * value:.1f} %" if is_class else f"{value:.5g}"
    longest_name -= 2 * max(0, len(text) - _LABEL_LENGTH)
    name = printable(answer.path)
    name = name if len(name) <= longest_name else "…" + name[1 - longest_name :]  # the end tells files apart
    axes.text(x, middle, name, va="center", fontsize=8, parse_math=False)
    if is_class or answer.targets.width == 1:
        style = {"color": _LABEL, "fontweight": "bold", "parse_math": False}
        axes.text(left + _BARS, middle, text, ha="right", va="center", **style)
    _draw_image(axes, x, top, answer.picture, frame="0.75")
    _draw_image(axes, x + _IMAGE + _GAP, top, answer.seen, frame="black")
    names = answer.targets.names
    if is_class and len(names) <= _MOST_BARS and max(map(len, names)) <= _SHORT:
        _draw_bars(axes, left, top, answer)
    else:
        _draw_list(axes, left, top, answer)


def _draw_bars(axes: Any, left: float, top: float, answer: Answer) -> None:
    """Draw a bar for each class, with its name below."""
    label, step = int(answer.values.argmax()), _BARS / len(answer.values)
    centers = left + step * (np.arange(len(answer.values)) + 0.5)
    colors = [_LABEL if k == label else _OTHER for k in range(len(centers))]
    axes.bar(centers, -_IMAGE * answer.values, 0.8 * step, bottom=top + _IMAGE, color=colors, linewidth=0)
    axes.hlines(top + _IMAGE, left, left + _BARS, color="0.5", linewidth=0.8)
    for k, (name, center) in enumerate(zip(answer.targets.names, centers, strict=True)):
        style = {"color": _LABEL, "fontweight": "bold"} if k == label else {"color": "0.35"}
        place = top + _IMAGE + _DIGITS / 2
        axes.text(center, place, printable(name), ha="center", va="center", fontsize=8, parse_math=False, **style)


def _draw_list(axes: Any, left: float, top: float, answer: Answer) -> None:
    """Draw a line for each of the most probable classes, above its bar, or for each of the first quantities."""
    height = _IMAGE / MOST_SHOWN
    is_class = isinstance(answer.targets, Classes)
    for k, (name, value) in enumerate(answer.shown):
        middle = top + (k + 0.45) * height
        style = {"va": "center", "fontsize": 7, "color": _LABEL if k == 0 and is_class else "0.2", "parse_math": False}
        axes.text(left, middle, _cut(name, 22), **style)
        axes.text(left + _BARS, middle, f"{100 * value:.1f}" if is_class else f"{value:.5g}", ha="right", **style)
        if is_class:
            bottom = middle + 0.5 * height
            axes.hlines(bottom, left, left + _BARS, color="0.9", linewidth=1.5)
            axes.hlines(bottom, left, left + value * _BARS, color=_LABEL if k == 0 else _OTHER, linewidth=1.5)


def _cut(name: str, longest: int) -> str:
    name = printable(name)
    return name if len(name) <= longest else name[: longest - 1] + "…"


def _draw_image(axes: Any, x: float, y: float, pixels: np.ndarray, frame: str) -> None:
    """Draw an image in the middle of a square, as large as its aspect ratio allows."""
    height, width = _IMAGE * np.array(pixels.shape[:2]) / max(pixels.shape[:2])
    left, top = x + (_IMAGE - width) / 2, y + (_IMAGE - height) / 2
    extent = (left, left + width, top + height, top)
    axes.imshow(pixels, "gray", vmin=0, vmax=255, interpolation="nearest", extent=extent, aspect="auto")
    corners = [left, left + width, left + width, left, left], [top, top, top + height, top + height, top]
    axes.plot(*corners, color=frame, linewidth=0.8, clip_on=False)
