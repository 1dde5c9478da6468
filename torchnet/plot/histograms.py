"""The outputs of each activation as histograms."""

import copy
import math

import numpy as np
import torch
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from torchnet.drawing.figure import StyledFigure, titled
from torchnet.drawing.style import FAINT, STYLE, color_of_layer
from torchnet.health import Activity, activities
from torchnet.network import Network

_MOST, _COLUMNS, _BINS = 20, 5, 40
_WIDTH, _HEIGHT = 1.5, 1.45  # inches, of one histogram


@rc_context(STYLE)
@torch.no_grad()
def activations(net: Network, x: Tensor) -> Figure:
    """Draw a histogram of the outputs of each activation, with the fraction of saturated outputs or of dead units.

    The network works as in a training step: with the statistics of the batch and with dropout. It is not changed. The
    histograms have one horizontal axis; each has its own height. Of more than 20 layers, 20 evenly spaced are shown.

    Args:
        net: a network with activations.
        x: a batch.

    Raises:
        ValueError: if there are no activations, or x does not fit the network.
    """
    found = activities(copy.deepcopy(net).train(), x)
    if not found:
        raise ValueError(
            f"expected a network with activations between its layers, got {type(net).__name__} without any"
        )
    shown = [found[k] for k in np.linspace(0, len(found) - 1, min(_MOST, len(found))).round().astype(int)]
    columns = min(_COLUMNS, len(shown))
    rows = math.ceil(len(shown) / columns)
    figure = StyledFigure(figsize=(max(3.0, columns * _WIDTH), rows * _HEIGHT + 0.3))
    values = [activity.output.double().cpu().numpy().ravel() for activity in shown]
    finite = [it[np.isfinite(it)] for it in values]
    ends = [end for it in finite if len(it) for end in (it.min(), it.max())] or [0.0]
    edges = np.linspace(min(ends), max(ends) if max(ends) > min(ends) else min(ends) + 1, _BINS + 1)
    for k, (activity, outputs) in enumerate(zip(shown, finite, strict=True)):
        axes = figure.add_subplot(rows, columns, k + 1)
        heights = np.histogram(outputs, edges)[0] / len(values[k])
        axes.bar(
            edges[:-1], heights, np.diff(edges), align="edge", color=color_of_layer(activity.number, found[-1].number)
        )
        _label(axes, activity, len(outputs) < len(values[k]))
    tall = figure.get_figheight()
    figure.subplots_adjust(left=0.03, right=0.97, bottom=0.5 / tall, top=1 - 0.4 / tall, wspace=0.15, hspace=0.75)
    figure.text(0.5, 0.08 / tall, "outputs (height: fraction of them)", ha="center", color=FAINT)
    return titled(figure, "Activations by layer")


def _label(axes: Axes, activity: Activity, has_nonfinite: bool) -> None:
    """Write above a histogram which layer it is, and how many of its outputs or units are blocked."""
    blocked = activity.blocked()
    text = "" if blocked is None else f"{float(blocked[1]):.0%} {blocked[0]}"
    lines = [f"{activity.number}: {type(activity.layer).__name__}", "Inf or NaN" if has_nonfinite else text]
    axes.set_title("\n".join(lines), fontsize=7.5, loc="left", pad=3)
    axes.set_yticks([])
    axes.grid(False)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(labelsize=7)
