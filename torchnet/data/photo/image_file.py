"""Read image files of any kind, size and orientation, within limits of memory and time."""

import io
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from torchnet.data.dataset import DataError
from torchnet.storage import open_regular_file

LONGEST_SIDE = 1024  # pixels; a digit of a fiftieth of it still has 20 pixels, as in MNIST
_MOST_BYTES = 100 * 2**20  # per file
_MOST_PIXELS = 50_000_000  # to decode: enough for cameras, and 200 MB as a color image
_ONE_COLOR = 0.15  # standard deviation (black to white is 1) below which opaque pixels count as one color
_16_BITS = 65535.0
_HOW = "convert it to PNG or JPEG"
_UNSUPPORTED = {  # how files begin that may be mistaken for images, but that Pillow cannot read or that have no pixels
    "HEIC": rb"(?s).{4}ftyp(hei[cmx]|hevc|mif1|msf1)",
    "PDF": rb"%PDF",
    "PostScript": rb"%!PS|\xc5\xd0\xd3\xc6",  # Pillow would run Ghostscript on it
    "SVG": rb"(?s)[\xef\xbb\xbf\s]{0,1000}(?=<).{0,100000}?<svg",
}


def read_image(path: Path) -> np.ndarray:
    """Return an image, upright and reduced to at most `LONGEST_SIDE` pixels per side.

    The first frame of an animation is read. Transparent pixels become background.

    Shape:
        returns: (height, width, 3) float32, red, green and blue from 0 to 1.

    Raises:
        DataError: if the file is not a readable image, or is too large; OSError: if the disk fails.
    """
    with warnings.catch_warnings(action="ignore"), decoded(path, LONGEST_SIDE) as image:
        return _colors(_reduced(image))


@contextmanager
def decoded(path: Path, side: int | None = None) -> Iterator[Image.Image]:
    """Decode an image file: upright, of mode L, RGB, RGBA, or F, gray from 0 to 255.

    A JPEG may be decoded at a fraction of its size, with at least `side` pixels per side. Pillow warns of what is odd
    about a file; the caller silences it, since warnings are silenced for all threads at once.

    Raises:
        DataError: if the file is not a readable image, or is too large; OSError: if the disk fails.
    """
    content = _read(path)
    for name, beginning in _UNSUPPORTED.items():
        if re.match(beginning, content):
            raise DataError(f"{path}: expected an image such as PNG or JPEG, got {name}: {_HOW}")
    try:
        with Image.open(io.BytesIO(content)) as image:
            yield _upright(path, image, side)
    except DataError:
        raise
    except Image.UnidentifiedImageError as error:
        raise DataError(f"{path}: expected an image, got a file that Pillow cannot read: {_HOW}") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{path}: {_too_many('far more')}") from error
    except Exception as error:  # decoders raise many kinds of errors for corrupt files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: expected an image, got a corrupt or unusual one ({reason}): {_HOW}") from error


def _read(path: Path) -> bytes:
    with open_regular_file(path, "an image file", DataError) as file:
        size = os.fstat(file.fileno()).st_size
        if size > _MOST_BYTES:
            raise DataError(f"{path}: expected an image of at most {_MOST_BYTES >> 20} MiB, got a larger file: {_HOW}")
        content = file.read(size + 1)
    if not content:
        raise DataError(f"{path}: expected an image, got an empty file")
    return content


def _upright(path: Path, image: Image.Image, side: int | None) -> Image.Image:
    """Decode an image and turn it upright by its EXIF orientation."""
    if side is not None:
        image.draft(None, (side, side))  # decodes a JPEG at 1/2, 1/4 or 1/8 of its size
    if image.width * image.height > _MOST_PIXELS:
        raise DataError(f"{path}: {_too_many(f'{image.width} x {image.height}')}")
    image.load()
    return _standard_mode(path, ImageOps.exif_transpose(image))


def _reduced(image: Image.Image) -> Image.Image:
    # BOX averages pixels: thin strokes grow paler but none is lost. Pillow gives transparent pixels no weight.
    if (longest := max(image.size)) > LONGEST_SIDE:
        width, height = (max(1, round(side * LONGEST_SIDE / longest)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BOX)
    return image


def _too_many(got: str) -> str:
    return f"expected an image of at most {_MOST_PIXELS // 10**6} megapixels, got {got}: make it smaller"


def _standard_mode(path: Path, image: Image.Image) -> Image.Image:
    """Return an image of mode L, RGB, RGBA, or F, gray from 0 to 255."""
    if image.mode == "L" and not image.has_transparency_data:
        return image
    if not image.mode.startswith(("I", "F")):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    pixels = np.asarray(image).astype(np.float32)
    if not np.isfinite(pixels).all():
        raise DataError(f"{path}: expected finite pixels, got Inf or NaN: {_HOW}")
    # 32-bit pixels have no defined black and white.
    low, high = (0.0, _16_BITS) if image.mode.startswith("I;16") else (float(pixels.min()), float(pixels.max()))
    return Image.fromarray((pixels - low) * (255 / ((high - low) or 1)))


def _colors(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image, dtype=np.float32) / 255
    if image.mode == "RGBA":
        return _on_background(pixels[..., :3], pixels[..., 3:])
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def _on_background(colors: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Blend a partly transparent picture with a background on which the digit is visible.

    If the opaque part has one color, it is the digit. The background is then white or black, whichever differs more.
    If it has several colors, it is a sheet with a digit. The background is then the sheet's median color.
    """
    weights = opacity / max(float(opacity.sum()), 1e-6)
    mean = (weights * colors).sum(axis=(0, 1))
    deviation = np.sqrt((weights * (colors - mean) ** 2).sum(axis=(0, 1)).mean())
    if deviation < _ONE_COLOR or not (opacity > 0.5).any():
        background = np.full(3, mean.mean() < 0.5, dtype=np.float32)
    else:
        background = np.median(colors[opacity[..., 0] > 0.5], axis=0)
    return colors * opacity + background * (1 - opacity)
