"""Image files with a digit, as scanners, phones and paint programs make them: many formats, sizes and colors."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from .strokes import written

# EXIF orientations, and the transposition that turns an upright picture into the stored one.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
# Pairs of pen and paper. In the last three pairs, both have nearly the same brightness but different colors.
COLORS = [
    ("black", "white"), ("white", "black"), ("navy", "white"), ("#404040", "#f4f0e6"), ("yellow", "#203070"),
    ("#e8e8e8", "#185030"), ("crimson", "#fafad2"), ("#909090", "white"), ("#d02020", "#187818"),
    ("#b04ab0", "#408040"), ("#3c6edc", "#b06000"),
]  # fmt: skip
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
WITH_EXIF = ("PNG", "JPEG", "WEBP", "TIFF")
_OVER = 3  # oversampling


@dataclass(frozen=True)
class Drawing:
    digit: int
    name: str  # a file name that describes the drawing
    content: bytes


def drawings(n: int, first_seed: int = 0) -> list[Drawing]:
    """Draw n digits, 0 to 9 in turn."""
    return [drawing(k % 10, first_seed + k // 10) for k in range(n)]


def drawing(digit: int, seed: int) -> Drawing:
    """Draw a digit. The seed determines its look and the file format."""
    rng = np.random.default_rng((digit, seed))
    side = int(np.exp(rng.uniform(np.log(40), np.log(3000))))
    width, height = side, int(side * rng.uniform(0.7, 1.4))
    extent = min(width, height) * rng.uniform(0.5 if side < 150 else 0.25, 0.85)
    thickness = max(1.5, extent * np.exp(rng.uniform(np.log(0.025), np.log(0.2))))
    coverage = stroke_mask(digit, (width, height), extent, thickness, rng)
    kind = FORMATS[(digit + seed) % len(FORMATS)]
    traits = [kind.lower(), f"{width}x{height}"]
    pen, paper = COLORS[rng.integers(len(COLORS))]
    if kind in ("PNG", "WEBP", "TIFF") and rng.random() < 0.3:
        traits.append("transparent")
        picture = Image.new("RGBA", (width, height), pen)
        picture.putalpha(Image.fromarray(np.uint8(255 * coverage)))
    else:
        picture = _on_paper(coverage, pen, paper, traits, rng)
    orientation = 1 + (3 * digit + seed) % 8 if kind in WITH_EXIF else 1
    traits.append(f"orientation {orientation}")
    return Drawing(digit, f"{digit} {seed} {' '.join(traits)}.{kind.lower()}", stored(picture, kind, orientation))


def stroke_mask(
    digit: int, size: tuple[int, int], extent: float, thickness: float, rng: np.random.Generator
) -> np.ndarray:
    """Return the fraction of each pixel that strokes cover, (height, width), for a digit at a random position."""
    over = _OVER if max(size) < 1000 else 1
    strokes = [stroke * extent for stroke in written(digit, rng)]
    low = np.min([stroke.min(axis=0) for stroke in strokes], axis=0)
    high = np.max([stroke.max(axis=0) for stroke in strokes], axis=0)
    room = np.array(size) - (high - low) - thickness - 4
    corner = thickness / 2 + 2 + rng.uniform(0, 1, 2) * np.maximum(room, 0)
    image = Image.new("L", (size[0] * over, size[1] * over))
    pen, radius = ImageDraw.Draw(image), thickness * over / 2
    for stroke in strokes:
        points = [tuple(point) for point in (stroke - low + corner) * over]
        pen.line(points, fill=255, width=max(1, round(2 * radius)))
        for x, y in points:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(image.reduce(over), dtype=np.float32) / 255


def _on_paper(coverage: np.ndarray, pen: str, paper: str, traits: list[str], rng: np.random.Generator) -> Image.Image:
    pen_color, paper_color = (np.asarray(Image.new("RGB", (1, 1), it), np.float32)[0, 0] / 255 for it in (pen, paper))
    traits.append(f"{pen} on {paper}")
    colors = paper_color + coverage[..., None] * (pen_color - paper_color)
    height, width = coverage.shape
    if rng.random() < 0.4:
        traits.append("shadow")
        colors = colors * _light(height, width, rng)[..., None]
    if rng.random() < 0.4:
        traits.append("noise")
        colors = colors + rng.normal(0, rng.uniform(0.01, 0.05), colors.shape)
    if rng.random() < 0.3:
        traits.append("specks")
        for y, x in rng.uniform(0, 1, (5, 2)) * (height - 3, width - 3):
            colors[int(y) : int(y) + 1 + height // 300, int(x) : int(x) + 1 + width // 300] = pen_color
    return Image.fromarray(np.uint8(np.rint(255 * np.clip(colors, 0, 1))))


def _light(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return the light on a sheet: it falls off to one side, and a shadow covers a part."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    angle = rng.uniform(0, 2 * np.pi)
    fall = 1 - 0.25 * (0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle))
    across = (x - rng.uniform(0.2, 0.8)) * np.sin(angle) + (y - rng.uniform(0.2, 0.8)) * np.cos(angle)
    return (fall * (1 - rng.uniform(0.1, 0.35) / (1 + np.exp(-across / 0.08)))).astype(np.float32)


def stored(picture: Image.Image, kind: str, orientation: int = 1) -> bytes:
    """Return an image file that shows the picture when its EXIF orientation is applied."""
    turn = STORED[orientation]
    picture = picture if turn is None else picture.transpose(turn)
    options: dict[str, object] = {"quality": 80} if kind in ("JPEG", "WEBP") else {}
    if orientation != 1:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def pasted(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a larger picture that shows an MNIST image, scaled, in random colors, as `read_image` returns it.

    Shape:
        image: (28, 28) uint8.
        returns: (height, width, 3) float32, from 0 to 1.
    """
    side = int(28 * np.exp(rng.uniform(np.log(0.9), np.log(20))))
    enlarged = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    width, height = (int(side * rng.uniform(1.1, 2.0)) for _ in range(2))
    ink = Image.new("L", (width, height))
    ink.paste(enlarged, (int(rng.integers(width - side + 1)), int(rng.integers(height - side + 1))))
    pen, paper = COLORS[rng.integers(len(COLORS))]
    picture = Image.composite(Image.new("RGB", ink.size, pen), Image.new("RGB", ink.size, paper), ink)
    return np.asarray(picture, dtype=np.float32) / 255
