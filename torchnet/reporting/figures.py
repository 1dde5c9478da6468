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
from torchnet.reporting.mistakes import pixels_of
from torchnet.reporting.record import Record

INK, FAINT, GRID = "#1b1f24", "#5c6570", "#d6dade"
SERIES = ("#2563c9", "#c2410c", "#15803d", "#7c3aed", "#b45309", "#0e7490")  # of splits; of runs, side by side
_VARIABLES = {INK: "--ink", FAINT: "--faint", GRID: "--grid"} | {
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
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "torchnet",
}
_WIDTH, _HEIGHT = 4.4, 2.9  # inches
_DPI = 160
_FEW = 12  # points of a line that are marked
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Drawing(NamedTuple):
    """A figure, as a PNG file and as an element of a page; empty where the page shows the same in its own way."""

    png: bytes
    svg: str


def drawn(in_page: bool) -> Callable[[Callable[..., Figure | None]], Callable[..., Drawing | None]]:
    """Make a function that returns a figure into one that draws it, in the style of all."""

    def decorate(make: Callable[..., Figure | None]) -> Callable[..., Drawing | None]:
        @wraps(make)
        def draw(*arguments: Any) -> Drawing | None:
            with matplotlib.rc_context(_STYLE):
                figure = make(*arguments)
                return None if figure is None else Drawing(_png(figure), _svg(figure) if in_page else "")

        return draw

    return decorate


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


@drawn(in_page=True)
def curves(records: Sequence[Record], labels: Sequence[str], what: str) -> Figure | None:
    """Draw "loss" or "accuracy" over the epochs, of each split; of several runs, each in a color of its own."""
    figure, axes = _figure(xlabel="epoch", ylabel=what if what == "loss" else "right, %")
    single = len(records) == 1
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
                line,
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
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.legend(labelcolor="linecolor", loc="best", handlelength=1.6)
    return figure


@drawn(in_page=False)
def confusion(record: Record, split: str) -> Figure | None:
    """Draw which classes were taken for which: numbers of images, the mistakes shaded."""
    counts = record.confusion(split)
    if counts is None:
        return None
    classes = len(counts)
    figure, axes = _figure(xlabel="what the network said", ylabel="what it was", height=_WIDTH)
    axes.grid(False)
    shade = np.zeros((classes, classes, 4))
    shade[..., :3] = matplotlib.colors.to_rgb(SERIES[1])
    shade[..., 3] = shades(counts)
    shade[np.eye(classes, dtype=bool)] = (*matplotlib.colors.to_rgb(SERIES[0]), 0.14)
    axes.imshow(shade, interpolation="nearest")
    for row, column in zip(*counts.nonzero(), strict=True):
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center_baseline", fontsize=7.5)
    axes.set_xticks(range(classes))
    axes.set_yticks(range(classes))
    axes.spines[:].set_visible(False)
    return figure


def shades(counts: np.ndarray) -> np.ndarray:
    """Return how dark each cell of a confusion matrix is to be, 0 to 1, by its share of the most frequent mistake."""
    mistakes = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    shade: np.ndarray = 0.75 * np.sqrt(mistakes / max(1, mistakes.max()))
    return shade


@drawn(in_page=False)
def mistakes(record: Record, split: str) -> Figure | None:
    """Draw the images that the network got wrong and was most sure of, as it saw them."""
    found = record.mistakes(split)
    if not found:
        return None
    columns, gap, text = 4, 0.12, 0.52  # the gap and the room for the text in units of an image's width
    height, width = found[0]["shape"]
    rows, tall = -(-len(found) // columns), height / width
    figure = Figure(figsize=(_WIDTH, _WIDTH * (rows * (tall + text)) / (columns * (1 + gap) - gap)))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, columns * (1 + gap) - gap), ylim=(rows * (tall + text), 0))
    axes.axis("off")
    for k, mistake in enumerate(found):
        x, y = k % columns * (1 + gap), k // columns * (tall + text)
        axes.imshow(pixels_of(mistake), "gray", vmin=0, vmax=255, extent=(x, x + 1, y + tall, y), aspect="auto")
        sure, right = (mistake["probabilities"][mistake[key]] for key in ("predicted", "label"))
        first = f"{mistake['label']} taken for {mistake['predicted']}"
        axes.text(x, y + tall + 0.16, first, fontsize=8.5, fontweight="bold", va="center")
        axes.text(x, y + tall + 0.34, f"{sure:.2%} : {right:.2%}", fontsize=7.8, color=FAINT, va="center")
    return figure


@drawn(in_page=True)
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
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.legend(labelcolor="linecolor", loc="best", handlelength=1.6)
    return figure


def smoothed(x: Iterable[float], y: Iterable[float], most: int = 60) -> tuple[list[float], list[float]]:
    """Return at most so many points of a line: the medians of stretches of it, of which there are few outliers."""
    x, y = np.array(list(x), float), np.array(list(y), float)
    if len(x) <= most:
        return x.tolist(), y.tolist()
    parts = np.array_split(np.arange(len(x)), most)
    return [float(np.median(x[part])) for part in parts], [float(np.median(y[part])) for part in parts]


def _figure(xlabel: str, ylabel: str, height: float = _HEIGHT) -> tuple[Figure, Axes]:
    # The margins are given, not found out: it takes longer to find them than to draw the rest.
    figure = Figure(figsize=(_WIDTH, height))
    left, right, bottom, top = 0.5, 0.1, 0.42, 0.26  # inches
    axes = figure.add_axes(
        (left / _WIDTH, bottom / height, 1 - (left + right) / _WIDTH, 1 - (bottom + top) / height), xlabel=xlabel
    )
    axes.text(-left / (_WIDTH - left - right), 1, ylabel, color=FAINT, va="bottom", transform=axes.transAxes)
    return figure, axes


def _logarithmic(axes: Axes) -> None:
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    few = high / low < 200  # one power of ten or two would be all that is named
    axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)) if few else NullLocator())
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: _plain(value)) if few else NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))
    axes.tick_params(axis="y", which="minor", size=0)


def _plain(value: float) -> str:
    exponent = math.floor(math.log10(value) + 1e-9)
    if -4 <= exponent <= 4:
        return f"{value:g}"
    factor = round(value / 10**exponent)
    return f"{'' if factor == 1 else f'{factor}·'}10{str(exponent).translate(_SUPERSCRIPTS)}"
