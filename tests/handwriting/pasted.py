"""A test image of MNIST somewhere in a larger picture, of another size and other colors."""

import numpy as np
from PIL import Image

from .drawings import COLORS


def pasted(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a picture with the image as ink on paper, as `read_image` would.

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
