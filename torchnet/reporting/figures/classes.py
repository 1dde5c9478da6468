"""The figures of a report page that show images or cells: confusion matrix and mistakes."""

import base64
import io
import math
from typing import Any

import numpy as np
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from PIL import Image

from torchnet.drawing.figure import StyledFigure
from torchnet.drawing.style import SERIES
from torchnet.reporting.evaluation import pixels_of
from torchnet.reporting.run_data import RunData
from torchnet.reporting.tables import cut

_TALLEST = 4  # height / width of the space for a mistake
MOST_CLASSES = 50  # that a confusion matrix is shown of
_UPRIGHT = 4  # letters, of the names above a confusion matrix; longer ones are turned
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


def digit(mistake: dict[str, Any]) -> str:
    """Return the image of a mistake as a data URL."""
    file = io.BytesIO()
    Image.fromarray(pixels_of(mistake)).save(file, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
