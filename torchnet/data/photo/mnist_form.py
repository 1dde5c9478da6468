"""Convert a picture of a handwritten digit to the form of MNIST's images, the only form that its networks can read.

MNIST's digits were scaled to fit a box of 20 x 20 pixels with their aspect ratio kept, antialiased, and centered in
28 x 28 pixels by their center of mass. In MNIST's files it lies at the center of pixel 14, counted from 0.

Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits".
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from torchnet.data.photo.find_ink import find_ink

_FINE = 8  # strokes are measured and changed at no less than 8 times the final resolution
_STROKE = 0.4  # of full ink: more belongs to a stroke, even to one as thin as a pixel
_BOX_EDGE = 0.2  # of full ink: the border of the box around the digit


@dataclass(frozen=True)
class Form:
    """The size and position of digits in the images of a data set, in pixels.

    Attributes:
        size: the side of an image.
        box: the side of the box that a digit fills.
        center: the distance of the center of mass from the upper and the left border.
        thinnest: 95 % of the digits have thicker strokes.
        thickest: 95 % of the digits have thinner strokes.
    """

    size: int
    box: int
    center: float
    thinnest: float
    thickest: float


MNIST = Form(size=28, box=20, center=14.5, thinnest=1.9, thickest=4.4)
DIGITS = Form(size=8, box=8, center=4.07, thinnest=1.3, thickest=2.5)  # scikit-learn's


def form_of(size: int) -> Form:
    """Return the form of images of size x size: scikit-learn's for 8, else MNIST's, scaled."""
    if size == DIGITS.size:
        return DIGITS
    scale = size / MNIST.size
    box = max(1, round(MNIST.box * scale))
    return Form(size, box, MNIST.center * scale, MNIST.thinnest * scale, MNIST.thickest * scale)


def to_mnist_form(colors: np.ndarray, size: int = MNIST.size) -> np.ndarray:
    """Return the input of a network for a picture: the digit, light on dark, in the form of the training images.

    Shape:
        colors: (height, width, 3) float32, from 0 to 1, as `read_image` returns them.
        returns: (size, size) uint8.

    Raises:
        DataError: if no digit is found.
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
    """Scale the longer side to `longest` pixels and keep the aspect ratio."""
    height, width = ink.shape
    scale = longest / max(height, width)
    # Averaging turns a thin stroke gray but does not break it. To enlarge, pixels are interpolated.
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(ink).resize(size, method))


def _of_known_thickness(ink: np.ndarray, form: Form) -> np.ndarray:
    """Make strokes thicker or thinner if their width is rare in the training images."""
    side = max(ink.shape)
    padded = np.pad(ink, math.ceil(side * form.thinnest / form.box))  # room for growing strokes
    stroke = padded >= _STROKE
    inside, outside = ndimage.distance_transform_edt(stroke), ndimage.distance_transform_edt(~stroke)
    thickness = 4 * inside[stroke].mean()  # across a stroke of width w, the mean distance to its border is w / 4
    wanted = float(np.clip(thickness / side, form.thinnest / form.box, form.thickest / form.box))
    # Removing d on both sides also shrinks the box, which is scaled later: (thickness - 2 d) / (side - 2 d) = wanted.
    # At least 1 pixel at the center of the thickest part remains.
    taken = min((thickness - wanted * side) / (2 * (1 - wanted)), float(inside.max()) - 1)
    if abs(taken) < 0.5:  # pixels
        return ink
    return np.clip(inside - outside - taken + 0.5, 0, 1).astype(np.float32)


def _centered(ink: np.ndarray, form: Form) -> np.ndarray:
    """Place the digit in an image, with its center of mass as near to `form.center` as the borders allow."""
    centers = ndimage.center_of_mass(ink)  # 0 is the center of the first pixel, half a pixel from the border
    top, left = (
        int(np.clip(round(form.center - 0.5 - center), 0, form.size - length))
        for center, length in zip(centers, ink.shape, strict=True)
    )
    image = np.zeros((form.size, form.size), dtype=np.float32)
    image[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return image
