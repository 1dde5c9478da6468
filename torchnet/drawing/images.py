"""A grid of images in one figure: the weights of units, or samples."""

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from torchnet.drawing.figure import StyledFigure
from torchnet.drawing.style import DPI

_COLUMNS = 8
_WIDTH = 720  # the approximate width of the figure in pixels


def filters_as_images(weight: np.ndarray) -> np.ndarray:
    """Return the filters of a convolution as images, one for each input channel unless there are three colors.

    Shape:
        weight: (O, I, H, W); returns: (O * I, H, W) or (O, H, W, 3).
    """
    return weight.transpose(0, 2, 3, 1) if weight.shape[1] == 3 else weight.reshape(-1, *weight.shape[2:])


def weights_as_colors(unit: np.ndarray) -> np.ndarray:
    """Return the weights of a unit as RGB bytes, scaled by the largest: negative blue, 0 white, positive red.

    Shape:
        unit: (H, W) or (H, W, 3), one scale for all channels; returns: (H, W, 3).
    """
    scaled = unit / max(np.abs(unit).max(), np.finfo(float).tiny) / 2 + 0.5
    if scaled.ndim == 3:
        return np.rint(255 * scaled).astype(np.uint8)
    colors: np.ndarray = colormaps["RdBu_r"](scaled, bytes=True)[..., :3]
    return colors


def grid_of_images(images: list[np.ndarray]) -> Figure:
    """Draw images of one size, (H, W, 3) uint8, in rows of 8."""
    height, width = images[0].shape[:2]
    columns, pad = min(_COLUMNS, len(images)), max(1, round(width / 14))
    rows = math.ceil(len(images) / columns)
    picture = np.zeros((rows * (height + pad) - pad, columns * (width + pad) - pad, 4), np.uint8)  # transparent
    for k, image in enumerate(images):
        y, x = k // columns * (height + pad), k % columns * (width + pad)
        picture[y : y + height, x : x + width] = np.dstack([image, np.full((height, width), 255, np.uint8)])
    zoom = max(1, _WIDTH // picture.shape[1])
    figure = StyledFigure(figsize=(zoom * picture.shape[1] / DPI, zoom * picture.shape[0] / DPI))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(picture, interpolation="none", aspect="auto")
    return figure
