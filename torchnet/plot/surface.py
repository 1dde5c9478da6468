"""What a network of two inputs answers at each point of the plane."""

import math
from typing import Any

import numpy as np
import torch
from matplotlib import rc_context
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from torchnet.drawing.figure import frame, titled
from torchnet.drawing.style import SERIES, STYLE
from torchnet.network import Network

_POINTS = 160  # of the surface, along each axis
_MARGIN = 0.1
_COLUMNS, _LINE = 3, 0.2  # of the legend: classes side by side, inches per line


@rc_context(STYLE)
@torch.no_grad()
def decision_surface(net: Network, inputs: Tensor, targets: Tensor) -> Figure:
    """Draw the most probable class at each point of the plane, paler where it is less probable, and the samples.

    Of a network with one output, a regression, the value is drawn as a color, and so is the target of each sample.

    Args:
        net: a network with two inputs; it works in evaluation mode and is not changed.
        inputs: the samples, (N, 2).
        targets: their classes (N,) int64, or the values of a regression, (N,) or (N, 1).

    Raises:
        ValueError: if the network or the samples do not have two inputs, or there are more than six classes.
    """
    if len(net.input_shape or ()) > 1:
        raise ValueError(f"expected a network with two inputs, got one for images of shape {net.input_shape}")
    if inputs.dim() != 2 or inputs.shape[1] != 2 or len(inputs) != len(targets):
        raise ValueError(
            f"expected inputs (N, 2) and as many targets, got {tuple(inputs.shape)} and {tuple(targets.shape)}: a "
            "surface can be drawn of networks with two inputs"
        )
    points, classes = inputs.double().cpu().numpy(), targets.cpu().numpy().ravel()
    low, high = points.min(axis=0), points.max(axis=0)
    margin = _MARGIN * np.maximum(high - low, 1e-9)
    x, y = np.linspace(low - margin, high + margin, _POINTS).T
    plane = torch.tensor(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
    outputs = _evaluated(net, plane).reshape(_POINTS, _POINTS, -1)
    count = outputs.shape[-1]
    below = 0.0 if count == 1 else _LINE * math.ceil(count / _COLUMNS)
    figure, axes = frame("first input", "second input", below)
    marks: Any = {"s": 14, "edgecolors": "white", "linewidths": 0.5}
    extent: Any = (x[0], x[-1], y[0], y[-1])
    if count == 1:
        scale = {
            "vmin": min(outputs.min(), classes.min()),
            "vmax": max(outputs.max(), classes.max()),
            "cmap": "coolwarm",
        }
        axes.imshow(outputs[..., 0], extent=extent, origin="lower", aspect="auto", alpha=0.6, **scale)
        axes.scatter(points[:, 0], points[:, 1], c=classes, **scale, **marks)
    else:
        axes.imshow(_colors(outputs), extent=extent, origin="lower", aspect="auto")
        axes.scatter(points[:, 0], points[:, 1], c=[SERIES[k] for k in classes], **marks)
        named = [Patch(color=SERIES[k], label=f"class {k}") for k in range(count)]
        figure.legend(handles=named, loc="lower left", ncols=_COLUMNS, handlelength=1, borderpad=0, labelspacing=0.3)
    axes.grid(False)
    return titled(figure, "Decision surface")


def _evaluated(net: Network, plane: Tensor) -> np.ndarray:
    """Return the outputs in evaluation mode, and leave every part of the network in the mode that it was in."""
    modes = {part: part.training for part in net.modules()}
    first = next(net.parameters())
    try:
        return net.eval()(plane.to(first)).double().cpu().numpy()
    finally:
        for part, training in modes.items():
            part.training = training


def _colors(logits: np.ndarray) -> np.ndarray:
    """Return the color of the most probable class, white where all classes are equally probable.

    Shape:
        logits: (H, W, C); returns: (H, W, 3).
    """
    classes = logits.shape[-1]
    if classes > len(SERIES):
        raise ValueError(f"expected at most {len(SERIES)} classes, which colors tell apart, got {classes}")
    probabilities = torch.from_numpy(logits).softmax(dim=-1).numpy()
    surplus = (probabilities.max(axis=-1, keepdims=True) - 1 / classes) / (1 - 1 / classes)
    full = np.array([to_rgb(color) for color in SERIES])[probabilities.argmax(axis=-1)]
    colors: np.ndarray = 1 - 0.5 * surplus * (1 - full)
    return colors
