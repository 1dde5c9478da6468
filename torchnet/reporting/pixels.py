"""The figures of a report page that consist of pixels: confusion matrix, mistakes and weights of the first layer."""

import base64
import io
import math
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from PIL import Image

from torchnet.reporting.evaluation import pixels_of
from torchnet.reporting.figures import DPI, SERIES
from torchnet.reporting.run_data import RunData

_UNITS = 64  # the number of units of the first layer that are shown
_COLUMNS = 8
_PICTURE = 720  # the approximate width of the picture of the first layer in pixels
_TALLEST = 4  # height / width of the space for a mistake
_MOST_CLASSES = 32  # that the figure of a confusion matrix shows
_CELL, _MARGIN = 0.52, 0.8  # inches, in the confusion matrix: the size of a cell, and the space for labels


def confusion(run: RunData) -> Figure | None:
    """Draw the confusion matrix of the test set: counts of images, with mistakes shaded."""
    if run.confusion is None or len(run.confusion) > _MOST_CLASSES:
        return None
    classes = len(run.confusion)
    side = _MARGIN + _CELL * classes
    figure = Figure(figsize=(side, side))
    axes = figure.add_axes((0.75 * _MARGIN / side, 0.2 * _MARGIN / side, 1 - _MARGIN / side, 1 - _MARGIN / side))
    right = np.eye(classes, dtype=int)
    colors = to_rgba_array((SERIES[1], SERIES[0]))[right]
    colors[..., 3] = np.where(right, 0.14, shades(run.confusion))
    axes.imshow(colors)
    for (row, column), count in np.ndenumerate(run.confusion):
        if count:
            axes.text(column, row, str(count), ha="center", va="center")
    ticks = range(classes)
    axes.set(ylabel="true class", xticks=ticks, yticks=ticks, xticklabels=run.classes, yticklabels=run.classes)
    axes.set_xlabel("predicted class", labelpad=8)
    axes.xaxis.set_label_position("top")
    axes.tick_params(labeltop=True, labelbottom=False)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    return figure


def shades(counts: np.ndarray) -> np.ndarray:
    """Return how dark to draw each cell of a confusion matrix, from 0 to 1, relative to the most frequent mistake."""
    mistakes = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    shade: np.ndarray = 0.75 * np.sqrt(mistakes / max(1, mistakes.max()))
    return shade


def mistakes(run: RunData) -> Figure | None:
    """Draw the most confident mistakes in the test set."""
    if not run.mistakes:
        return None
    rows, (height, width) = math.ceil(len(run.mistakes) / 4), run.mistakes[0]["shape"][:2]
    figure = Figure(figsize=(6.4, rows * (0.45 + 1.45 * min(height / width, _TALLEST))))
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=1 - 0.4 / figure.get_figheight(), hspace=0.3)
    for k, mistake in enumerate(run.mistakes, 1):
        axes = figure.add_subplot(rows, 4, k)
        axes.imshow(pixels_of(mistake), "gray", vmin=0, vmax=255, interpolation="none")
        axes.set_axis_off()
        wrong, right = (mistake["probabilities"][mistake[key]] for key in ("predicted", "label"))
        text = f"{mistake['label_name']} read as {mistake['read_as']}\n{wrong:.2%} vs {right:.2%}"
        axes.set_title(text, fontsize=9, loc="left", pad=4)
    return figure


def first_layer(run: RunData) -> Figure | None:
    """Draw the weights of the first layer, one image per unit, for the units with the largest norms."""
    units = run.first_layer
    if units is None:
        return None
    units = np.clip(np.nan_to_num(units), -1e150, 1e150)  # whose squares do not overflow
    norms = np.linalg.norm(units.reshape(len(units), -1), axis=1)
    units = units[np.sort(np.argsort(-norms, kind="stable")[:_UNITS])]
    height, width = units.shape[1:]
    columns, pad = min(_COLUMNS, len(units)), max(1, round(width / 14))
    rows = math.ceil(len(units) / columns)
    picture = np.zeros((rows * (height + pad) - pad, columns * (width + pad) - pad, 4), np.uint8)  # transparent
    for k, unit in enumerate(units):
        y, x = k // columns * (height + pad), k % columns * (width + pad)
        scaled = unit / max(np.abs(unit).max(), np.finfo(float).tiny)
        picture[y : y + height, x : x + width] = colormaps["RdBu_r"](scaled / 2 + 0.5, bytes=True)
    zoom = max(1, _PICTURE // picture.shape[1])
    figure = Figure(figsize=(zoom * picture.shape[1] / DPI, zoom * picture.shape[0] / DPI))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(picture, interpolation="none", aspect="auto")
    return figure


def digit(mistake: dict[str, Any]) -> str:
    """Return the image of a mistake as a data URL."""
    file = io.BytesIO()
    Image.fromarray(pixels_of(mistake)).save(file, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
