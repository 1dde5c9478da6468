"""The plots, for use in Markdown pages: lines and bars are labeled directly."""

import math
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter

from benchmarks.comparison.compare import Result
from benchmarks.comparison.summary import Summary
from benchmarks.comparison.task import TARGET
from benchmarks.peers import BASELINE, OWN, PEERS
from benchmarks.scale.points import Measured

if TYPE_CHECKING:
    from benchmarks.depth import Depth

_TAB20 = plt.get_cmap("tab20").colors  # ten pairs of a dark and a light color
_COLORS = dict(zip(PEERS, _TAB20[::2] + _TAB20[1::2], strict=False))
_OWN, _OTHERS = "C0", "0.75"
_MIN_ACCURACY = 0.90  # the lower end of the axis
_TICK_STEP = {"width": 1, "depth": 1, "batch": 2}  # label every n-th value, so that labels do not overlap
_STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}


def plot_peers(rows: Sequence[Summary], path: Path) -> None:
    """Draw the time per epoch of each peer, fastest first, with quartiles and ratio."""
    rows = sorted((row for row in rows if not row.fault), key=lambda row: -row.ms)
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(8, 1 + 0.34 * len(rows)), layout="constrained")
        for y, row in enumerate(rows):
            low, high = row.quartiles
            color = _OWN if row.peer in OWN else _OTHERS
            axes.barh(y, row.ms, xerr=[[row.ms - low], [high - row.ms]], color=color, ecolor="0.2", capsize=3)
            ratio = "" if row.ratio is None or row.peer == BASELINE else f"   {row.ratio:.2f} ×"
            axes.annotate(f"{row.ms:,.0f} ms{ratio}", (high, y), (7, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(rows)), [row.label for row in rows])
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(0, 1.25 * max((row.quartiles[1] for row in rows), default=1))
        axes.set_xlabel(
            "ms per epoch of MNIST: median and quartiles; × = ratio to torchnet's fused loop, > 1 is slower"
        )
        figure.savefig(path, dpi=150)
        plt.close(figure)


def plot_accuracy(results: Sequence[Result], path: Path) -> None:
    """Draw the test accuracy over training time, one line per peer, in the order of total training time."""
    finished = [result for result in results if result.accuracies and not result.fault]
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
        for result in sorted(finished, key=lambda result: sum(epoch.seconds for epoch in result.epochs)):
            seconds = list(accumulate(epoch.seconds for epoch in result.epochs))
            axes.plot(seconds, result.accuracies, color=_COLORS[result.peer], label=PEERS[result.peer], linewidth=1.4)
        axes.axhline(TARGET, color="0.5", linewidth=0.8, linestyle="--")
        place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        axes.annotate(f"{TARGET:.2%}", (0, TARGET), (4, 3), color="0.4", **place)
        axes.set(xscale="log", ylim=(_MIN_ACCURACY, 0.98), xlabel="seconds of training", ylabel="test accuracy")
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        _plain_numbers(axes.xaxis)
        axes.legend(frameon=False, labelcolor="linecolor", loc="center left", bbox_to_anchor=(1, 0.5))
        figure.savefig(path, dpi=150)
        plt.close(figure)


def plot_scale(rows: Sequence[Measured], path: Path) -> None:
    """Draw the time per step over width, depth and batch size."""
    rows = [row for row in rows if not row.fault]
    with plt.rc_context(_STYLE):
        figure, panels = plt.subplots(1, 3, figsize=(11, 3.6), sharey=True, layout="constrained")
        for axes, quantity in zip(panels, ("width", "depth", "batch"), strict=True):
            drawn = [row for row in rows if row.point.series.startswith(quantity)]
            for series in dict.fromkeys(row.point.series for row in drawn):
                _plot_series(axes, [row for row in drawn if row.point.series == series], quantity)
            axes.set(xscale="log", yscale="log", xlabel=quantity)
            axes.set_xticks(sorted({getattr(row.point, quantity) for row in drawn})[:: _TICK_STEP[quantity]])
            axes.margins(x=0.1)
            _plain_numbers(axes.xaxis)
        _plain_numbers(panels[0].yaxis)
        panels[0].set_ylabel("ms per step")
        panels[0].legend(frameon=False, labelcolor="linecolor", loc="upper left")
        figure.savefig(path, dpi=150)
        plt.close(figure)


def plot_depth(runs: Sequence["Depth"], path: Path) -> None:
    """Draw the gradient norm of each layer before and after training, and the loss of each epoch."""
    with plt.rc_context(_STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), width_ratios=(3, 2), layout="constrained")
        for run, color in zip(runs, ("C3", _OWN), strict=True):
            layers = range(1, 1 + len(run.norms[0]))
            left.plot(layers, run.norms[0], "o-", color=color, markersize=3.5, linewidth=1.4)
            left.plot(layers, run.norms[-1], "o--", color=color, markersize=2.5, linewidth=0.9, alpha=0.6)
            name = run.config.replace("_", " ")
            left.annotate(name, (9, run.norms[0][8]), (-9, 6), textcoords="offset points", ha="right", color=color)
            right.plot(range(1, 1 + len(run.losses)), run.losses, "o-", color=color, markersize=3.5, linewidth=1.4)
            label = f"{name}: test accuracy {run.accuracy:.1%}"
            right.annotate(
                label, (len(run.losses), run.losses[-1]), (0, 20), textcoords="offset points", ha="right", color=color
            )
        left.set(yscale="log", xlabel="layer, from the images to the logits", ylabel="norm of the weight's gradient")
        left.set_title("before training (solid), after the last epoch (dashed)", fontsize=9, loc="left")
        left.set_xticks(range(2, 1 + len(runs[0].norms[0]), 2))
        right.axhline(math.log(10), color="0.5", linewidth=0.8, linestyle="--")
        right.annotate("random guessing: ln 10", (1, math.log(10)), (0, -11), textcoords="offset points", color="0.4")
        right.set(xlabel="epoch", ylabel="training loss", ylim=(0, 2.7))
        figure.savefig(path, dpi=150)
        plt.close(figure)


def _plot_series(axes: Axes, rows: Sequence[Measured], quantity: str) -> None:
    x = [getattr(row.point, quantity) for row in rows]
    lines = {"autograd": ("C3", "s-"), "captured": ("C9", "o-"), "fused": (_OWN, "o-"), "products": ("0.5", "^--")}
    for name, (color, form) in lines.items():
        y = [row.ms.get(name, math.nan) for row in rows]
        label = {"autograd": name, "products": "matrix products only"}.get(name, f"torchnet, {name}")
        axes.plot(x, y, form, color=color, markersize=3.5, linewidth=1.3, label=label)
    _, _, note = rows[0].point.series.partition(", ")  # "width 64" if a panel has more than one series
    top = max(rows[-1].ms.values())
    axes.annotate(note, (x[-1], top), (4, 7), textcoords="offset points", ha="right", color="0.4")


def _plain_numbers(axis: Axis) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())
