"""An image file of whatever kind, size and orientation -> the colors of a picture of moderate size.

A file may be anything: it is read within bounds of memory and time, and what is no image ends in one sentence.
"""

import errno
import io
import os
import stat
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from torchnet.data.dataset import DataError

LONGEST_SIDE = 1024  # pixels that are kept: a digit that fills a fiftieth of the side still has MNIST's 20
_MOST_BYTES = 100 * 2**20  # of a file
_MOST_PIXELS = 50_000_000  # that are decoded: what a camera takes, and 200 MB as a color image
_ONE_COLOR = 0.15  # standard deviation, black to white being 1, below which what is opaque is drawn in one color
_16_BITS = 65535.0
_HOW = "convert it to PNG or JPEG"
_FOREIGN = (  # what people take for images: how it begins and where, and its name
    (4, (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypheim", b"ftypmif1", b"ftypmsf1"), "HEIC"),
    (0, (b"%PDF",), "PDF"),
    (0, (b"%!PS", b"\xc5\xd0\xd3\xc6"), "PostScript"),  # Pillow would have a program of its own interpret it
)


def read_image(path: Path) -> np.ndarray:
    """Return the colors of an image, upright, at most `LONGEST_SIDE` pixels wide and high.

    Of an animation it is the first frame; what is transparent becomes background.

    Shape:
        returns: (height, width, 3) float32, red, green and blue from 0 to 1.

    Raises:
        DataError: if it is no image that can be read, or too large; OSError: if the disk fails to read it.
    """
    content = _read(path)
    if (name := _foreign(content)) is not None:
        raise DataError(f"{path}: expected an image such as PNG or JPEG, got {name}: {_HOW}")
    try:
        # Without Pillow's hints at what is odd about a file.
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content)) as image:
            return _colors(_upright(path, image))
    except DataError:
        raise
    except Image.UnidentifiedImageError as error:
        raise DataError(f"{path}: expected an image, got something that Pillow cannot read: {_HOW}") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{path}: {_too_many('far more')}") from error
    except Exception as error:  # whatever a decoder may meet in a damaged file
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"{path}: expected an image, got a damaged one, or of a rare kind ({reason}): {_HOW}"
        ) from error


def _read(path: Path) -> bytes:
    """Return what is in a regular file; whatever else is at the path, it neither hangs nor is touched."""
    try:
        # Without O_NONBLOCK the opening of a FIFO waits for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        cause = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path}: expected an image file, got {cause!r}: name another one") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or a pipe"
            raise DataError(f"{path}: expected an image file, got {kind}: name the files themselves")
        if status.st_size > _MOST_BYTES:
            raise DataError(f"{path}: expected an image of at most {_MOST_BYTES >> 20} MiB, got a larger file: {_HOW}")
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(status.st_size + 1)
    except OSError as error:
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error
    finally:
        os.close(descriptor)
    if not content:
        raise DataError(f"{path}: expected an image, got an empty file")
    return content


def _foreign(content: bytes) -> str | None:
    """Return the name of a format that is none of pixels, or that Pillow does not read; None for all others."""
    for start, beginnings, name in _FOREIGN:
        if content.startswith(beginnings, start):
            return name
    beginning = content[:1000].lstrip(b"\xef\xbb\xbf \t\r\n")
    return "SVG" if beginning.startswith(b"<") and b"<svg" in content[:100_000] else None


def _upright(path: Path, image: Image.Image) -> Image.Image:
    """Decode no more of an image than is needed, turn it as its EXIF orientation says, and make it smaller."""
    image.draft(None, (LONGEST_SIDE, LONGEST_SIDE))  # a JPEG can be decoded at a half, a quarter or an eighth
    if image.width * image.height > _MOST_PIXELS:
        raise DataError(f"{path}: {_too_many(f'{image.width} x {image.height}')}")
    image.load()
    upright = _standard_mode(path, ImageOps.exif_transpose(image))
    # The mean of the pixels that become one: a thin stroke grows paler, but none is lost. Transparent ones count for
    # nothing in it, as Pillow takes care of.
    if (longest := max(upright.size)) > LONGEST_SIDE:
        width, height = (max(1, round(side * LONGEST_SIDE / longest)) for side in upright.size)
        upright = upright.resize((width, height), Image.Resampling.BOX)
    return upright


def _too_many(got: str) -> str:
    return f"expected an image of at most {_MOST_PIXELS // 10**6} megapixels, got {got}: make it smaller"


def _standard_mode(path: Path, image: Image.Image) -> Image.Image:
    """Return an image of mode RGB, RGBA, or F, gray from 0 to 255."""
    if not image.mode.startswith(("I", "F")):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    pixels = np.asarray(image).astype(np.float32)
    if not np.isfinite(pixels).all():
        raise DataError(f"{path}: expected pixels that are finite numbers, got others: {_HOW}")
    # Of numbers of 32 bits nothing says which is black and which is white.
    low, high = (0.0, _16_BITS) if image.mode.startswith("I;16") else (float(pixels.min()), float(pixels.max()))
    return Image.fromarray((pixels - low) * (255 / ((high - low) or 1)))


def _colors(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image, dtype=np.float32) / 255
    if image.mode == "RGBA":
        return _on_background(pixels[..., :3], pixels[..., 3:])
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def _on_background(colors: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Lay a picture that is transparent in parts on a background on which the digit can be seen.

    Where what is opaque has one color, it is the digit, and lies on white or black, whichever is farther from it. Where
    it has several, it is a sheet with a digit on it, and the rest takes the color that most of the sheet has.
    """
    weights = opacity / max(float(opacity.sum()), 1e-6)
    mean = (weights * colors).sum(axis=(0, 1))
    deviation = np.sqrt((weights * (colors - mean) ** 2).sum(axis=(0, 1)).mean())
    if deviation < _ONE_COLOR or not (opacity > 0.5).any():
        behind = np.full(3, mean.mean() < 0.5, dtype=np.float32)
    else:
        behind = np.median(colors[opacity[..., 0] > 0.5], axis=0)
    return colors * opacity + behind * (1 - opacity)
