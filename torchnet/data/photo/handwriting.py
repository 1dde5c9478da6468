"""A picture with a handwritten digit -> the form in which a network knows digits from MNIST.

MNIST's digits were scaled into a box of 20 x 20 pixels with their aspect ratio kept, antialiased, and moved so that
their center of mass is the center of 28 x 28 pixels; in its files it lies in the middle of pixel 14, counted from 0.
A network that has learned from them can read nothing else.

Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits".
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from torchnet.data.photo.ink import find_ink

_FINE = 8  # strokes are measured and changed at no less than so many times the final resolution
_STROKE = 0.4  # of full ink: what is more belongs to a stroke, even to one as thin as a pixel
_BOX_EDGE = 0.2  # of full ink: where the box around the digit ends


@dataclass(frozen=True)
class Form:
    """How the digits of a data set stand in their images.

    Attributes:
        size: pixels, the side of an image.
        box: pixels, the side of the box that a digit fills.
        center: pixels from the upper and the left border to the center of mass.
        thinnest: pixels, the width of the strokes of 19 in 20 of its digits is above it.
        thickest: pixels, that of 19 in 20 is below it.
    """

    size: int
    box: int
    center: float
    thinnest: float
    thickest: float


MNIST = Form(size=28, box=20, center=14.5, thinnest=1.9, thickest=4.4)
DIGITS = Form(size=8, box=8, center=4.07, thinnest=1.3, thickest=2.5)  # scikit-learn's


def form_of(size: int) -> Form:
    """Return the form of digits in images of size x size: scikit-learn's if it is 8, else MNIST's, scaled."""
    if size == DIGITS.size:
        return DIGITS
    scale = size / MNIST.size
    box = max(1, round(MNIST.box * scale))
    return Form(size, box, MNIST.center * scale, MNIST.thinnest * scale, MNIST.thickest * scale)


def to_mnist_form(colors: np.ndarray, size: int = MNIST.size) -> np.ndarray:
    """Return what a network is shown of a picture: the digit, light on dark, in the form of its training images.

    Shape:
        colors: (height, width, 3) float32, from 0 to 1, as `read_image` returns them.
        returns: (size, size) uint8.

    Raises:
        DataError: if there is no digit.
    """
    form = form_of(size)
    ink = _cropped(find_ink(colors))
    ink = _scaled(ink, max(_FINE * form.box, *ink.shape))
    ink = _cropped(_of_known_thickness(ink, form))
    centered = _centered(_scaled(ink, form.box), form)
    return np.rint(centered * (255 / centered.max())).astype(np.uint8)


def _cropped(ink: np.ndarray) -> np.ndarray:
    """Return the box around the ink."""
    rows, columns = np.nonzero(ink >= _BOX_EDGE)
    return ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _scaled(ink: np.ndarray, longest: int) -> np.ndarray:
    """Scale to a longer side of `longest` pixels; the other side keeps the ratio.

    Downwards each pixel is the mean over the area that it covers, so that a thin stroke becomes gray, not broken;
    upwards, where there is nothing to average, it is interpolated.
    """
    height, width = ink.shape
    scale = longest / max(height, width)
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(ink).resize(size, method))


def _of_known_thickness(ink: np.ndarray, form: Form) -> np.ndarray:
    """Make strokes thicker or thinner that are so thin or thick as the network has hardly ever seen."""
    side = max(ink.shape)
    padded = np.pad(ink, math.ceil(side * form.thinnest / form.box))  # room for strokes that grow
    stroke = padded >= _STROKE
    inside, outside = ndimage.distance_transform_edt(stroke), ndimage.distance_transform_edt(~stroke)
    thickness = 4 * inside[stroke].mean()  # across a stroke of width w, the mean distance to its border is w / 4
    wanted = float(np.clip(thickness / side, form.thinnest / form.box, form.thickest / form.box))
    # Taking d away on both sides changes the box, too, which is then scaled: (thickness - 2 d) / (side - 2 d) = wanted.
    # Of a blot, which is no stroke, the middle is left.
    taken = min((thickness - wanted * side) / (2 * (1 - wanted)), float(inside.max()) - 1)
    if abs(taken) < 0.5:  # pixels
        return ink
    return np.clip(inside - outside - taken + 0.5, 0, 1).astype(np.float32)


def _centered(ink: np.ndarray, form: Form) -> np.ndarray:
    """Put the digit into an image so that its center of mass is where it belongs, or as near to it as there is room."""
    centers = ndimage.center_of_mass(ink)  # of the first pixel, the center is at 0, half a pixel from the border
    top, left = (
        int(np.clip(round(form.center - 0.5 - center), 0, form.size - length))
        for center, length in zip(centers, ink.shape, strict=True)
    )
    image = np.zeros((form.size, form.size), dtype=np.float32)
    image[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return image
