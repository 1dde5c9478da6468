"""The figures of a run's page. Each is narrow enough for a phone; on a wide screen they stand side by side.

They are drawn once, with colors that stand for roles. In a page these become variables, light or dark; in a PNG file
they are those of paper.
"""

import io
import math
import re
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from torchnet.reporting.metrics import series
from torchnet.reporting.record import Record

INK, FAINT, GRID, PAPER = "#1b1f24", "#5c6570", "#d6dade", "#fefefe"
SERIES = ("#2563c9", "#c2410c", "#15803d", "#7c3aed", "#b45309", "#0e7490")  # of splits; of runs, side by side
_VARIABLES = {INK: "--ink", FAINT: "--faint", GRID: "--grid", PAPER: "--paper"} | {
    color: f"--series-{i}" for i, color in enumerate(SERIES)
}
_DEPTH = LinearSegmentedColormap.from_list("depth", ["#3b7dd8", "#9b6bd3", "#e8743b"])  # first layer to last
_SPLITS = {"train": ("-", 1.3), "val": ("--", 1.3), "test": ("-", 2.2)}
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.edgecolor": GRID,
    "axes.labelcolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.bottom": False,
    "ytick.left": False,
    "legend.facecolor": PAPER,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.75,
    "legend.fancybox": False,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "torchnet",
}
_WIDTH, _HEIGHT = 4.4, 2.9  # inches
_LINE = 0.18  # inches, of a legend
_DPI = 110
_FEW = 12  # points of a line that are marked
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Drawing(NamedTuple):
    """A figure, as a PNG file and as an element of a page; empty where the page shows the same in its own way."""

    png: bytes
    element: str


def drawn(make: Callable[..., Figure | None]) -> Callable[..., Drawing | None]:
    """Make a function that returns a figure into one that draws it, in the style of all."""

    @wraps(make)
    def draw(*arguments: Any) -> Drawing | None:
        with matplotlib.rc_context(_STYLE):
            figure = make(*arguments)
            return None if figure is None else Drawing(_png(figure), _svg(figure))

    return draw


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    # Half as much time for a file that is larger by a half.
    figure.savefig(file, format="png", dpi=_DPI, facecolor="white", pil_kwargs={"compress_level": 1})
    return file.getvalue()


def _svg(figure: Figure) -> str:
    """Return an element whose colors and fonts are those of the page."""
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # the same in every figure
    text = re.sub(r"font: ([0-9.]+)px [^;\"]*", r"font-size: \1px", text)
    for color, variable in _VARIABLES.items():
        text = text.replace(color, f"var({variable})")
    return text


@drawn
def curves(records: Sequence[Record], labels: Sequence[str], what: str) -> Figure | None:
    """Draw "loss" or "accuracy" over the epochs, of each split; of several runs, each in a color of its own."""
    single = len(records) == 1
    room = 0.0 if single else _LINE * len(records)
    figure, axes = _figure(xlabel="epoch", ylabel=what if what == "loss" else "right, %", below=room)
    for run, record in enumerate(records):
        for number, (split, (line, width)) in enumerate(_SPLITS.items()):
            x, y = series(record.rows, f"{split}/{what}", "epoch")
            if what == "accuracy" and split in record.accuracy and (not x or x[-1] < record.epochs - 1):
                x, y = [*x, record.epochs - 1], [*y, record.accuracy[split]]
            if not x:
                continue
            axes.plot(
                [epoch + 1 for epoch in x],
                y if what == "loss" else [100 * value for value in y],
                line if run < len(SERIES) else ":",
                color=SERIES[(number if single else run) % len(SERIES)],
                linewidth=width if single else 1 + (split == "test"),
                alpha=1 if single or split != "train" else 0.55,
                marker="o" if len(x) <= _FEW else "",
                markersize=3,
                label=split if single else (labels[run] if split == "test" else None),
            )
    if not axes.lines:
        return None
    if what == "loss":
        _logarithmic(axes)
    else:
        low, high = axes.get_ylim()
        wider = max(0.0, 1 - (high - low)) / 2  # percent: a narrower range would make a landscape of noise
        axes.set_ylim(low - wider, high + wider)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if single:  # where lines rarely are: to find out where there are none takes as long as to draw them
        axes.legend(labelcolor="linecolor", loc="upper right" if what == "loss" else "lower right", handlelength=1.6)
    else:
        figure.legend(labelcolor="linecolor", loc="lower left", handlelength=1.6, borderpad=0, labelspacing=0.3)
    return figure


@drawn
def health(record: Record, metrics: Sequence[str], ylabel: str, band: tuple[float, float] | None) -> Figure | None:
    """Draw metrics of gradient health over the steps, a line for each layer, from the first to the last.

    Args:
        record: of the run.
        metrics: their names; those that are in no row are left out.
        ylabel: of the axis; a share if it ends with "%".
        band: what is usual, shaded.
    """
    lines = [layered for metric in metrics for layered in record.layered(metric).items()]
    if not lines:
        return None
    figure, axes = _figure(xlabel="step", ylabel=ylabel)
    layers = max(number for number, _ in lines)
    for number, (x, y) in lines:
        x, y = smoothed(x, y)
        y = [100 * value for value in y] if ylabel.endswith("%") else y
        color = to_hex(_DEPTH((number - 1) / max(1, layers - 1)))
        named = layers <= 5 or number in (1, (layers + 1) // 2, layers)
        axes.plot(x, y, color=color, linewidth=1.5, label=f"layer {number}" if named else None)
    if band is not None:
        axes.axhspan(*band, color=GRID, alpha=0.35, linewidth=0, zorder=0)
    if ylabel.endswith("%"):
        axes.set_ylim(bottom=0, top=max(5, axes.get_ylim()[1]))
    elif any(value > 0 for _, (_, values) in lines for value in values):
        _logarithmic(axes)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.legend(labelcolor="linecolor", loc="upper left" if ylabel.endswith("%") else "upper right", handlelength=1.6)
    return figure


def smoothed(x: Iterable[float], y: Iterable[float], most: int = 60) -> tuple[list[float], list[float]]:
    """Return at most so many points of a line: the medians of stretches of it, of which there are few outliers."""
    x, y = np.array(list(x), float), np.array(list(y), float)
    if len(x) <= most:
        return x.tolist(), y.tolist()
    parts = np.array_split(np.arange(len(x)), most)
    return [float(np.median(x[part])) for part in parts], [float(np.median(y[part])) for part in parts]


def _figure(xlabel: str, ylabel: str, below: float = 0.0) -> tuple[Figure, Axes]:
    """Return a figure with room below its axes, in inches."""
    height = _HEIGHT + below
    # The margins are given, not found out: it takes longer to find them than to draw the rest.
    figure = Figure(figsize=(_WIDTH, height))
    left, right, bottom, top = 0.5, 0.1, 0.42 + below, 0.3  # inches
    axes = figure.add_axes(
        (left / _WIDTH, bottom / height, 1 - (left + right) / _WIDTH, 1 - (bottom + top) / height), xlabel=xlabel
    )
    axes.text(-left / (_WIDTH - left - right), 1.03, ylabel, color=FAINT, va="bottom", transform=axes.transAxes)
    return figure, axes


def _logarithmic(axes: Axes) -> None:
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    few = high / low < 200  # one power of ten or two would be all that is named
    axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)) if few else NullLocator())
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: _plain(value)) if few else NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))


def _plain(value: float) -> str:
    exponent = math.floor(math.log10(value) + 1e-9)
    if -3 <= exponent <= 4:
        return f"{value:g}"
    factor = round(value / 10**exponent)
    return f"{'' if factor == 1 else f'{factor}·'}10{str(exponent).translate(_SUPERSCRIPTS)}"
