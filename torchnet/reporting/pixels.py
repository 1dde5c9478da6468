"""The figures of a report page that show images or cells: confusion matrix, mistakes and weights of the first layer."""

import base64
import io
import math
from typing import Any

import numpy as np
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from PIL import Image

from torchnet.data import NumericColumn, Table
from torchnet.drawing.figure import StyledFigure
from torchnet.drawing.images import grid_of_images, weights_as_colors
from torchnet.drawing.style import SERIES
from torchnet.printable import printable
from torchnet.reporting.evaluation import pixels_of
from torchnet.reporting.run_data import RunData
from torchnet.reporting.tables import cut

_UNITS = 64  # the number of units of the first layer that are shown
_TALLEST = 4  # height / width of the space for a mistake
MOST_CLASSES = 50  # that a confusion matrix is shown of
_UPRIGHT = 4  # letters, of the names above a confusion matrix; longer ones are turned
_MOST_INPUTS = 20  # of a table, whose weights are shown
# Inches, in the confusion matrix: the size of a cell, the space around it, and for each letter of a label.
_CELL, _MARGIN, _LETTER = 0.52, 0.42, 0.085


def confusion(run: RunData) -> Figure | None:
    """Draw the confusion matrix of the test set: counts of samples, with mistakes shaded."""
    if run.confusion is None or len(run.confusion) > MOST_CLASSES:
        return None
    classes = len(run.confusion)
    names = [cut(name, 18) for name in run.classes]
    longest = max(map(len, names))
    inner, labels = _CELL * classes, _MARGIN + _LETTER * longest
    side = inner + labels + 0.1
    figure = StyledFigure(figsize=(side, side))
    axes = figure.add_axes((labels / side, 0.1 / side, inner / side, inner / side))
    right = np.eye(classes, dtype=int)
    colors = to_rgba_array((SERIES[1], SERIES[0]))[right]
    colors[..., 3] = np.where(right, 0.14, shades(run.confusion))
    axes.imshow(colors)
    for (row, column), count in np.ndenumerate(run.confusion):
        if count:
            axes.text(column, row, str(count), ha="center", va="center")
    axes.set_ylabel("true class")
    axes.set_xlabel("predicted class", labelpad=8)
    axes.set_xticks(range(classes), names, parse_math=False, rotation=90 if longest > _UPRIGHT else 0)
    axes.set_yticks(range(classes), names, parse_math=False)
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
    longest = max(len(mistake["label_name"] + mistake["read_as"]) for mistake in run.mistakes)
    between, most, title, size = (
        (" ", 10, 0.45, 9) if longest <= 10 else ("\n", 12, 0.62, 8)
    )  # long names take two lines
    image = 1.45 * min(height / width, _TALLEST)
    figure = StyledFigure(figsize=(6.4, rows * (title + image)))
    top = 1 - (title - 0.05) / figure.get_figheight()
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=top, hspace=(title + 0.05) / image)
    for k, mistake in enumerate(run.mistakes, 1):
        axes = figure.add_subplot(rows, 4, k)
        axes.imshow(pixels_of(mistake), "gray", vmin=0, vmax=255, interpolation="none")
        axes.set_axis_off()
        wrong, right = (mistake["probabilities"][mistake[key]] for key in ("predicted", "label"))
        names = [cut(mistake[key], most) for key in ("label_name", "read_as")]
        text = f"{names[0]}{between}read as {names[1]}\n{wrong:.2%} vs {right:.2%}"
        axes.set_title(text, fontsize=size, loc="left", pad=4, parse_math=False)
    return figure


def first_layer(run: RunData) -> Figure | None:
    """Draw the weights of the first layer: an image per unit, or a bar per input of a table."""
    if run.first_layer is None or run.preprocessing is None:
        return None
    weight = np.clip(np.nan_to_num(run.first_layer), -1e150, 1e150)  # whose squares do not overflow
    inputs = run.preprocessing.inputs
    if isinstance(inputs, Table):
        return _input_norms(weight, inputs)
    units = _as_images(weight, inputs.shape)
    return None if units is None else _units(units)


def kind_of_inputs(run: RunData) -> str:
    """Return "table", "gray" or "color", of which the first layer of a run has weights."""
    inputs = run.preprocessing and run.preprocessing.inputs
    return "table" if isinstance(inputs, Table) else "color" if inputs and len(inputs.shape) == 3 else "gray"


def _as_images(weight: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the weights of each unit as an image of the shape of an input; None if they are no images.

    Shape:
        weight: (O, I); returns: (O, H, W) or (O, H, W, 3).
    """
    side = math.isqrt(weight.shape[1])
    if len(shape) == 1 and side**2 == shape[0]:  # rows of bytes
        shape = (side, side)
    units = weight.reshape(len(weight), *shape)
    if len(shape) == 3 and shape[-1] != 3:
        units = units.transpose(0, 2, 3, 1)
    return units if units.ndim == 3 or (units.ndim == 4 and units.shape[-1] == 3) else None


def _units(units: np.ndarray) -> Figure:
    """Draw the units with the largest norms."""
    norms = np.linalg.norm(units.reshape(len(units), -1), axis=1)
    units = units[np.sort(np.argsort(-norms, kind="stable")[:_UNITS])]
    return grid_of_images([weights_as_colors(unit) for unit in units])


def _input_norms(weight: np.ndarray, table: Table) -> Figure:
    """Draw the norm of the weights of each input of a table, for the inputs with the largest ones."""
    norms = np.linalg.norm(weight, axis=0)
    shown = np.argsort(-norms, kind="stable")[:_MOST_INPUTS]
    every = _input_names(table)
    names = [cut(printable(every[k]), 24) for k in shown]
    left, width, height = 0.15 + 0.078 * max(map(len, names)), 4.4, 0.54 + 0.24 * len(names)
    figure = StyledFigure(figsize=(width, height))
    axes = figure.add_axes((left / width, 0.46 / height, 1 - (left + 0.16) / width, 1 - 0.5 / height))
    axes.barh(range(len(names)), norms[shown], 0.62, color=SERIES[0])
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set(ylim=(len(names) - 0.4, -0.6), xlabel="norm of the weights")
    axes.grid(False, axis="y")
    return figure


def _input_names(table: Table) -> list[str]:
    """Return the names of the inputs of a table, such as "age", "age is missing" or "color = red"."""
    names: list[str] = []
    for column in table.columns:
        name = f"column {column.name}" if column.name.isdecimal() else column.name
        if isinstance(column, NumericColumn):
            names += [name, f"{name} is missing"][: column.width]
        else:
            names += [f"{name} = {category or '(missing)'}" for category in column.categories]
    return names


def digit(mistake: dict[str, Any]) -> str:
    """Return the image of a mistake as a data URL."""
    file = io.BytesIO()
    Image.fromarray(pixels_of(mistake)).save(file, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
