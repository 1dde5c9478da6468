"""The charts of a report page, narrow enough for a phone: curves, gradient health, predictions of a regression."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from torchnet.drawing.figure import WIDTH, StyledFigure, frame, logarithmic
from torchnet.drawing.style import FAINT, FEW, GRID, SERIES, color_of_layer
from torchnet.reporting.run_data import RunData
from torchnet.reporting.tables import amount, cut

_SPLITS = {"train": ("-", 1.3), "val": ("--", 1.3), "test": ("-", 2.2)}
_SCATTER = 3.5  # the height for the predictions of a quantity
_LINE = 0.18  # inches per line of a legend
_MOST_LINES = 64
_Line = tuple[int, tuple[list[float], list[float]]]  # a layer, its steps and its values


def curves(runs: Sequence[RunData], labels: Sequence[str], what: str) -> Figure | None:
    """Draw "loss" or "score" of each split over the epochs; one color per split, or per run if there are several.

    The score is the accuracy in percent, or R² of a regression. Of many runs, the first ones have a color and a name,
    and the others are thin lines behind them.
    """
    single, is_loss = len(runs) == 1, what == "loss"
    room = 0.0 if single else _LINE * min(len(runs), len(SERIES))
    score, factor = ("R²", 1) if runs[0].is_regression else ("accuracy, %", 100)
    figure, axes = frame(xlabel="epoch", ylabel="loss" if is_loss else score, below=room)
    named: set[int] = set()  # the runs that are in the legend
    for k, run in enumerate(runs):
        for number, (split, (line, width)) in enumerate(_SPLITS.items()):
            x, y = run.series(f"{split}/{what if is_loss else run.score_name}", "epoch")
            if not is_loss and split in run.scores and (epoch := run.evaluated_epoch - 1) not in x:
                x, y = map(list, zip(*sorted([*zip(x, y, strict=True), (epoch, run.scores[split])]), strict=True))
            if not x:
                continue
            is_named = single or k < len(SERIES)
            axes.plot(
                [epoch + 1 for epoch in x],
                y if is_loss else [factor * value for value in y],
                line,
                color=SERIES[number if single else k] if is_named else FAINT,
                linewidth=width if single else (1 + (split == "test") if is_named else 0.5),
                alpha=1 if single or (split != "train" and is_named) else 0.55,
                zorder=2 if is_named else 1.5,
                marker="o" if len(x) <= FEW and is_named else "",
                markersize=3,
                label=split if single else (labels[k] if is_named and k not in named else None),
            )
            named.add(k)
    if not axes.lines:
        return None
    if is_loss:
        logarithmic(axes)
    else:
        low, high = axes.get_ylim()
        wider = max(0.0, factor / 100 - (high - low)) / 2  # show at least 1 %, or noise would look like progress
        axes.set_ylim(low - wider, high + wider)
    axes.set_xlim(0, max(axes.get_xlim()[1], 2))  # not at the edge, if there is one epoch
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if single and runs[0].best:
        axes.axvline(runs[0].best["epoch"], color=FAINT, linewidth=0.9, linestyle=":", zorder=1, label="best val loss")
    if single:  # above the lines, which it would cover in any corner
        corner: Any = {"loc": "lower right", "bbox_to_anchor": (1, 0.99), "borderpad": 0.2, "columnspacing": 1.2}
        axes.legend(labelcolor="linecolor", handlelength=1.6, ncols=4, **corner)
    else:
        legend = figure.legend(
            labelcolor="linecolor", loc="lower left", handlelength=1.6, borderpad=0, labelspacing=0.3
        )
        for text in legend.get_texts():
            text.set_parse_math(False)  # the name of a run may have a $
        for handle in legend.get_lines():
            handle.set(alpha=1, linewidth=2.2, linestyle="-")  # whichever split its run begins with
    return figure


def health(run: RunData, metrics: Sequence[str], ylabel: str, band: tuple[float, float] | None) -> Figure | None:
    """Draw gradient-health metrics over the steps, one line per layer.

    Metrics that were not logged are left out. Values are shown in percent if the label of the y axis ends with "%". The
    gray band is the usual range.
    """
    lines = [line for metric in metrics for line in _some(run.by_layer(metric).items())]
    if not lines:
        return None
    figure, axes = frame(xlabel="step", ylabel=ylabel)
    layers = max(number for number, _ in lines)
    for number, (x, y) in lines:
        x, y = smoothed(x, y)
        y = [100 * value for value in y] if ylabel.endswith("%") else y
        color = color_of_layer(number, layers)
        named = layers <= 5 or number in (1, (layers + 1) // 2, layers)
        axes.plot(
            x,
            y,
            color=color,
            linewidth=1.5,
            label=f"layer {number}" if named else None,
            marker="o" if len(x) <= FEW else "",
            markersize=3,
        )
    if band is not None:
        axes.axhspan(*band, color=GRID, alpha=0.35, linewidth=0, zorder=0)
    if ylabel.endswith("%"):
        top = max(5, 1.3 * axes.get_ylim()[1])  # with space for the legend
        axes.set_ylim(-0.03 * top, top)
    else:
        logarithmic(axes)
    if len({step for _, (x, _) in lines for step in x}) == 1:
        axes.set_xlim(lines[0][1][0][0] - 1, lines[0][1][0][0] + 1)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.legend(labelcolor="linecolor", loc="upper left" if ylabel.endswith("%") else "upper right", handlelength=1.6)
    return figure


def predictions(run: RunData) -> Figure | None:
    """Draw the predicted against the true values of the test set, for each of the first quantities of a regression."""
    if not run.predictions:
        return None
    rows = len(run.predictions)
    figure = StyledFigure(figsize=(WIDTH, _SCATTER * rows))
    for row, (name, true, predicted) in enumerate(run.predictions):
        place = (
            0.86 / WIDTH,
            (rows - 1 - row + 0.5 / _SCATTER) / rows,
            1 - 1.2 / WIDTH,
            (1 - 0.85 / _SCATTER) / rows,
        )
        axes = figure.add_axes(place)
        low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
        margin = 0.04 * (high - low or abs(high)) or 1.0
        ends = [low - margin, high + margin]
        axes.plot(ends, ends, color=FAINT, linewidth=0.9, linestyle=":")
        axes.plot(true, predicted, "o", color=SERIES[0], markersize=3.5, alpha=0.5, markeredgewidth=0)
        axes.set(xlim=ends, ylim=ends)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
            axis.set_major_formatter(FuncFormatter(lambda value, _: amount(value)))
        axes.set_xlabel(f"true {cut(name)}", parse_math=False)
        title = axes.text(-0.76 / (WIDTH - 1.2), 1.03, f"predicted {cut(name)}", color=FAINT, transform=axes.transAxes)
        title.set_parse_math(False)
    return figure


def _some(lines: Iterable[_Line]) -> list[_Line]:
    """Return the lines of at most 64 layers, evenly spaced; more cannot be told apart."""
    every = list(lines)
    return every[:: 1 + (len(every) - 1) // _MOST_LINES] if every else every


def smoothed(x: Iterable[float], y: Iterable[float], most: int = 60) -> tuple[list[float], list[float]]:
    """Reduce a line to at most `most` points: the medians of equal parts of it, which outliers hardly change."""
    x, y = np.array(list(x), float), np.array(list(y), float)
    if len(x) <= most:
        return x.tolist(), y.tolist()
    parts = np.array_split(np.arange(len(x)), most)
    return [float(np.median(x[part])) for part in parts], [float(np.median(y[part])) for part in parts]
