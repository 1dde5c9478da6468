"""Pictures made of pixels: digits as a network sees them, and what its first layer looks for."""

import base64
import io
import math
from typing import Any

import numpy as np
from matplotlib import colormaps
from PIL import Image

from torchnet.reporting.mistakes import pixels_of
from torchnet.reporting.record import Record

_UNITS = 64  # that are shown of the first layer
_COLUMNS = 8
_PICTURE = 720  # pixels, about the width of a picture as a file


def first_layer(record: Record) -> bytes | None:
    """Return the weights of units of the first layer as images in a PNG file: of those with the largest norm."""
    if record.first_layer is None:
        return None
    units = record.first_layer
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
    return _png(Image.fromarray(picture), enlarged=max(1, _PICTURE // picture.shape[1]))


def digit(mistake: dict[str, Any]) -> str:
    """Return the image of a mistake for a page, as a data URL."""
    return data_url(_png(Image.fromarray(pixels_of(mistake))))


def data_url(png: bytes) -> str:
    """Return a PNG file as a URL that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _png(image: Image.Image, enlarged: int = 1) -> bytes:
    file = io.BytesIO()
    size = (image.width * enlarged, image.height * enlarged)
    image.resize(size, Image.Resampling.NEAREST).save(file, "PNG", compress_level=1)
    return file.getvalue()
