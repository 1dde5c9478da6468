"""The figures of a report page that consist of pixels: confusion matrix, mistakes and weights of the first layer."""

import base64
import io
import math
from typing import Any

import numpy as np
from matplotlib import colormaps
from PIL import Image, ImageColor, ImageDraw, ImageFont

from torchnet.reporting.evaluation import pixels_of
from torchnet.reporting.figures import FAINT, INK, SERIES, Drawing
from torchnet.reporting.run_data import RunData

_UNITS = 64  # the number of units of the first layer that are shown
_COLUMNS = 8
_PICTURE = 720  # the approximate width of a PNG file in pixels
_CELL, _MARGIN = 60, 70  # pixels, in the confusion matrix: the size of a cell, and the space for labels
_DIGIT, _GAP, _TEXT = (
    162,
    18,
    64,
)  # pixels, for the mistakes: the width of an image, the gap, and the height of the text


def confusion(run: RunData) -> Drawing | None:
    """Draw the confusion matrix of the test set: counts of images, with mistakes shaded."""
    counts = run.confusion("test")
    if counts is None:
        return None
    side = _MARGIN + _CELL * len(counts)
    picture = Image.new("RGB", (side + 8, side + 8), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(20)
    draw.text((_MARGIN, 4), "predicted class", FAINT, font)
    draw.text((4, _MARGIN - 30), "true", FAINT, font)
    shade = shades(counts)
    for row, column in np.ndindex(counts.shape):
        color, alpha = (SERIES[0], 0.14) if row == column else (SERIES[1], shade[row, column])
        mixed = tuple(round(255 + float(alpha) * (part - 255)) for part in ImageColor.getrgb(color))
        x, y = _MARGIN + _CELL * column, _MARGIN + _CELL * row
        draw.rectangle((x, y, x + _CELL - 1, y + _CELL - 1), mixed)
        if counts[row, column]:
            draw.text((x + _CELL // 2, y + _CELL // 2), f"{counts[row, column]}", INK, font, anchor="mm")
    for label in range(len(counts)):
        middle = _MARGIN + _CELL * label + _CELL // 2
        draw.text((middle, _MARGIN - 20), f"{label}", FAINT, font, anchor="mm")
        draw.text((_MARGIN - 20, middle), f"{label}", FAINT, font, anchor="mm")
    return Drawing(_png(picture))


def shades(counts: np.ndarray) -> np.ndarray:
    """Return how dark to draw each cell of a confusion matrix, from 0 to 1, relative to the most frequent mistake."""
    mistakes = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    shade: np.ndarray = 0.75 * np.sqrt(mistakes / max(1, mistakes.max()))
    return shade


def mistakes(run: RunData) -> Drawing | None:
    """Draw the most confident mistakes in the test set."""
    found = run.mistakes("test")
    if not found:
        return None
    columns = 4
    height = round(_DIGIT * found[0]["shape"][0] / found[0]["shape"][1])
    rows = math.ceil(len(found) / columns)
    size = (columns * (_DIGIT + _GAP) - _GAP, rows * (height + _TEXT))
    picture = Image.new("RGB", size, "white")
    draw, large, small = ImageDraw.Draw(picture), ImageFont.load_default(19), ImageFont.load_default(17)
    for k, mistake in enumerate(found):
        x, y = k % columns * (_DIGIT + _GAP), k // columns * (height + _TEXT)
        image = Image.fromarray(pixels_of(mistake)).resize((_DIGIT, height), Image.Resampling.NEAREST)
        picture.paste(image, (x, y))
        wrong, right = (mistake["probabilities"][mistake[key]] for key in ("predicted", "label"))
        draw.text((x, y + height + 5), f"{mistake['label']} read as {mistake['predicted']}", INK, large)
        draw.text((x, y + height + 29), f"{wrong:.2%} vs {right:.2%}", FAINT, small)
    return Drawing(_png(picture))


def first_layer(run: RunData) -> Drawing | None:
    """Draw the weights of the first layer, one image per unit, for the units with the largest norms."""
    units = run.first_layer
    if units is None:
        return None
    norms = np.sqrt((units * units).sum(axis=(1, 2)))
    units = units[np.sort(np.argsort(-norms, kind="stable")[:_UNITS])]
    height, width = units.shape[1:]
    columns, pad = min(_COLUMNS, len(units)), max(1, round(width / 14))
    rows = math.ceil(len(units) / columns)
    picture = np.zeros((rows * (height + pad) - pad, columns * (width + pad) - pad, 4), np.uint8)  # transparent
    for k, unit in enumerate(units):
        y, x = k // columns * (height + pad), k % columns * (width + pad)
        scaled = unit / max(np.abs(unit).max(), np.finfo(float).tiny)
        picture[y : y + height, x : x + width] = colormaps["RdBu_r"](scaled / 2 + 0.5, bytes=True)
    png = _png(Image.fromarray(picture), enlarged=max(1, _PICTURE // picture.shape[1]))
    return Drawing(png, f'<img src="{_data_url(png)}" alt="">')


def digit(mistake: dict[str, Any]) -> str:
    """Return the image of a mistake as a data URL."""
    return _data_url(_png(Image.fromarray(pixels_of(mistake))))


def _data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _png(image: Image.Image, enlarged: int = 1) -> bytes:
    file = io.BytesIO()
    size = (image.width * enlarged, image.height * enlarged)
    image.resize(size, Image.Resampling.NEAREST).save(file, "PNG", compress_level=1)
    return file.getvalue()
