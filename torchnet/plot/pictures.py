"""Samples, and the weights of the first layer, as images."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from torch import nn

from torchnet.drawing.figure import StyledFigure, titled
from torchnet.drawing.images import filters_as_images, grid_of_images, weights_as_colors
from torchnet.drawing.style import STYLE

_MOST, _COLUMNS = 64, 8


@rc_context(STYLE)
def weights(net: nn.Module, shape: Sequence[int] | None = None) -> Figure:
    """Draw the weights of each unit of the first layer as an image: negative blue, 0 white, positive red.

    Of a convolution, the filters are drawn: an image for each input channel, or one for all three colors. Each image
    has its own scale. Of more than 64 images, the first 64 are shown.

    Args:
        net: a network of images.
        shape: the height and width of an image, and 3 for colors; None if the images are square and gray.

    Raises:
        ValueError: if there is no weight matrix, or its rows do not have the size of an image.
    """
    weight = next((weight for weight in net.parameters() if weight.dim() in (2, 4)), None)
    if weight is None:
        raise ValueError(f"expected a network with a weight matrix, got {type(net).__name__} without one")
    values = weight.detach().double().cpu().numpy()
    units, what = (filters_as_images(values), "filters") if values.ndim == 4 else (_as_images(values, shape), "units")
    figure = grid_of_images([weights_as_colors(unit) for unit in units[:_MOST]])
    return titled(figure, f"Weights of the first layer: {min(_MOST, len(units))} of {len(units)} {what}")


@rc_context(STYLE)
def images(samples: Any, titles: Any = (), shape: Sequence[int] | None = None) -> Figure:
    """Draw samples as gray images on one scale, or in color, each with its title.

    Args:
        samples: at most 64 images (N, H, W) or (N, H, W, 3), or rows of pixels (N, I).
        titles: one for each sample, or none.
        shape: the height and width of an image, if the samples are rows of pixels; None for squares.

    Raises:
        ValueError: if there are too many, or rows do not have the size of an image, or titles are missing.
    """
    pixels = np.asarray(samples)
    if pixels.ndim == 2:
        pixels = _as_images(pixels, shape)
    if pixels.ndim not in (3, 4) or not 1 <= len(pixels) <= _MOST:
        raise ValueError(f"expected 1 to {_MOST} images (N, H, W), got {pixels.shape}: pass samples[:{_MOST}]")
    names = [str(title) for title in np.asarray(titles).tolist()]
    if len(names) not in (0, len(pixels)):
        raise ValueError(f"titles: expected one for each of {len(pixels)} images, or none, got {len(names)}")
    columns = min(_COLUMNS, len(pixels))
    rows = math.ceil(len(pixels) / columns)
    figure = StyledFigure(figsize=(0.85 * columns, (1.1 if names else 0.9) * rows))
    for k, image in enumerate(pixels):
        axes = figure.add_subplot(rows, columns, k + 1)
        axes.imshow(image, "gray", vmin=pixels.min(), vmax=pixels.max())
        axes.set_axis_off()
        if names:
            axes.set_title(names[k], fontsize=8, pad=3, parse_math=False)
    figure.subplots_adjust(
        0.01, 0.01, 0.99, 1 - (0.2 if names else 0.01) / rows, wspace=0.08, hspace=0.3 if names else 0.08
    )
    return figure


def _as_images(rows: np.ndarray, shape: Sequence[int] | None) -> np.ndarray:
    """Return rows of pixels as images, (N, H, W) or (N, H, W, 3)."""
    side = math.isqrt(rows.shape[1])
    size = (side, side) if shape is None else tuple(shape)
    if math.prod(size) != rows.shape[1]:
        raise ValueError(
            f"expected rows of {math.prod(size)} pixels for images {size}, got {rows.shape[1]}: pass the shape"
        )
    return rows.reshape(len(rows), *size)
