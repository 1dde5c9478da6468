"""Figures in one style, without pyplot and its global state."""

from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from torchnet.drawing.picture import encoded
from torchnet.drawing.style import DPI, FAINT, STYLE

WIDTH, HEIGHT = 4.4, 2.9  # inches: narrow enough for a phone
_TITLE = 0.3  # inches
_EDGE = 0.08  # inches, between text and the left edge
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class StyledFigure(Figure):
    """A figure that is drawn in the style of torchnet, and that a notebook shows as a picture."""

    def draw(self, renderer: Any) -> None:
        with rc_context(STYLE):  # some of it is read when a figure is drawn, or when its ticks are
            super().draw(renderer)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Return the picture at twice the resolution, and its size in a notebook."""
        width, height = (round(DPI * inches) for inches in self.get_size_inches())
        return encoded(self, ".png", dpi=2 * DPI, facecolor="white"), {"width": width, "height": height}


def frame(xlabel: str, ylabel: str, below: float = 0.0) -> tuple[Figure, Axes]:
    """Return a figure and its axes, with `below` inches of extra space below them."""
    height = HEIGHT + below
    # The margins are fixed: to compute them takes longer than to draw the rest.
    figure = StyledFigure(figsize=(WIDTH, height))
    left, right, bottom, top = 0.5, 0.16, 0.42 + below, 0.3  # inches
    axes = figure.add_axes(
        (left / WIDTH, bottom / height, 1 - (left + right) / WIDTH, 1 - (bottom + top) / height), xlabel=xlabel
    )
    axes.text((_EDGE - left) / (WIDTH - left - right), 1.03, ylabel, color=FAINT, va="bottom", transform=axes.transAxes)
    return figure, axes


def titled(figure: Figure, title: str) -> Figure:
    """Return the figure with a title in extra space above it."""
    before = figure.get_figheight()
    height = before + _TITLE
    figure.set_figheight(height)
    for axes in figure.axes:
        left, bottom, width, tall = axes.get_position().bounds
        axes.set_position((left, bottom * before / height, width, tall * before / height))
    text = figure.suptitle(title, x=_EDGE / figure.get_figwidth(), y=1 - 0.1 / height, ha="left", va="top", fontsize=10)
    text.set_parse_math(False)  # the name of a run may have a $
    return figure


def logarithmic(axes: Axes) -> None:
    """Make the y axis logarithmic, unless no value is positive."""
    if not any((np.asarray(line.get_ydata()) > 0).any() for line in axes.lines):
        return
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    few = high < 200 * low  # powers of ten alone would label only one or two lines
    axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)) if few else NullLocator())
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: _plain(value)) if few else NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))


def _plain(value: float) -> str:
    """Return a value of one digit, such as a tick of a logarithmic axis has."""
    factor, exponent = f"{value:.0e}".split("e")
    if -3 <= int(exponent) <= 4:
        return f"{value:g}"
    return f"{'' if factor == '1' else f'{factor}·'}10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
