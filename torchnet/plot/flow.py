"""The norm of the gradient by depth."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import nn

from torchnet.drawing.figure import frame, logarithmic, titled
from torchnet.drawing.style import SERIES, STYLE

_MARKERS = "osDX^P"  # for readers who cannot tell all colors apart
_LINE = 0.18  # inches per line of the legend
_MOST_MARKERS = 25  # of a line
_EDGE = 0.03  # of the height of the axes: where values are marked that a log scale does not have


@rc_context(STYLE)
def gradient_flow(nets: nn.Module | Mapping[str, nn.Module]) -> Figure:
    """Draw the norm of the last gradient of each weight matrix, ‖∂L/∂W‖, over the depth, on a log scale.

    A gradient of zero is marked by a triangle at the lower edge, Inf or NaN by one at the upper edge.

    Args:
        nets: a network after backward, or several by the name that the legend gives them, at most six.

    Raises:
        ValueError: if a network has no gradients, or there are too many networks.
    """
    named = nets if isinstance(nets, Mapping) else {"": nets}
    if not 1 <= len(named) <= len(SERIES):
        raise ValueError(f"expected 1 to {len(SERIES)} networks, which colors tell apart, got {len(named)}")
    norms = {name: _norms(net) for name, net in named.items()}
    below = _LINE * len(named) if isinstance(nets, Mapping) else 0.0
    figure, axes = frame("layer, from the input to the output", "norm of the gradient, ‖∂L/∂W‖", below)
    for (name, values), color, marker in zip(norms.items(), SERIES, _MARKERS, strict=False):
        drawn = np.where(np.isfinite(values) & (values > 0), values, np.nan)
        every = max(1, len(values) // _MOST_MARKERS)
        axes.plot(
            range(1, len(values) + 1), drawn, marker=marker, markevery=every, markersize=3, color=color, label=name
        )
    logarithmic(axes)
    for values, color in zip(norms.values(), SERIES, strict=False):
        _mark(axes, np.flatnonzero(values == 0), "v", color)
        _mark(axes, np.flatnonzero(~np.isfinite(values)), "^", color)
    axes.set_xticks(_ticks(max(map(len, norms.values()))))
    if isinstance(nets, Mapping):
        legend = figure.legend(
            labelcolor="linecolor", loc="lower left", handlelength=1.6, borderpad=0, labelspacing=0.3
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
    return titled(figure, "Gradient flow")


def _norms(net: nn.Module) -> np.ndarray:
    """Return the norm of the gradient of each weight matrix, from the input to the output."""
    matrices = [weight for weight in net.parameters() if weight.dim() > 1]  # filters of convolutions, too
    grads = [weight.grad for weight in matrices if weight.grad is not None]
    if not grads or len(grads) < len(matrices):
        raise ValueError(
            f"expected a network after backward, got {len(grads)} gradients for {len(matrices)} weight matrices: run "
            "net.backward(grad_logits) first"
        )
    return np.array([float(torch.linalg.vector_norm(grad.detach(), dtype=torch.float64)) for grad in grads])


def _ticks(depth: int) -> list[int]:
    """Return layers to label: the first, the last, and round numbers between them."""
    ticks = MaxNLocator(6, integer=True).tick_values(1, depth)
    apart = (ticks[1] - ticks[0]) / 2
    return sorted({1, *(int(tick) for tick in ticks if 1 + apart <= tick <= depth - apart), depth})


def _mark(axes: Axes, layers: np.ndarray, marker: str, color: str) -> None:
    height = _EDGE if marker == "v" else 1 - _EDGE
    if len(layers):
        place = axes.get_xaxis_transform()
        axes.plot(layers + 1, np.full(len(layers), height), marker, color=color, markersize=4, transform=place)
