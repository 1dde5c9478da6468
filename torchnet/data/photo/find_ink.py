"""Find the ink in a picture, for any color of pen and paper and for uneven light."""

import math

import numpy as np
from scipy import ndimage

from torchnet.data.dataset import DataError
from torchnet.data.photo.paper_color import lengths, paper_under

# Color differences are in units of the difference between black and white.
_FAINTEST = 0.06  # the smallest difference from the paper that counts as ink
_NOISE = 5  # a difference above 5 times the typical difference of nearby pixels is not noise
_EDGE_OF_INK = 0.4  # of the pen's difference: less is the rim of a stroke, or a shadow
_DARKNESS = 0.1  # added to the brightness before shading is removed: on black paper, shadows do not matter
_DEEPEST = 1 / 3  # the smallest fraction of the light in a shadow
_GRAIN = 1 / 500  # of the picture's side: the width of the noise filter, below that of any stroke
_SPECK = 0.08  # of the area of the largest piece of ink: smaller pieces are not part of the digit
_WHOLE = 0.1  # of the picture's side: a larger piece of ink may be a whole digit
_SMALLEST = 6  # pixels: a digit that is less wide and less high is not legible


def find_ink(colors: np.ndarray) -> np.ndarray:
    """Return the amount of ink per pixel: 0 is paper, 1 is the pen's full stroke.

    Shape:
        colors: (height, width, 3) float32, from 0 to 1.
        returns: (height, width) float32, from 0 to 1.

    Raises:
        DataError: if there is no ink. The message does not name the file, which the caller knows.
    """
    difference, paper_noise = _difference(colors)
    level = _pen_level(difference, paper_noise)
    digit = _pieces_of_a_digit(difference > max(paper_noise, _EDGE_OF_INK * level))
    rim = ndimage.binary_dilation(digit, iterations=1 + _extent(digit) // 40, structure=np.ones((3, 3)))
    low = min(paper_noise, level / 4)
    return np.where(rim, np.clip((difference - low) / (level - low), 0, 1), 0).astype(np.float32)


def _difference(colors: np.ndarray) -> tuple[np.ndarray, float]:
    """Return each pixel's distance in color from the paper, and the largest distance that noise explains.

    Distances are between colors, so a red pen on green paper of the same brightness is visible.
    """
    grain = _GRAIN * max(colors.shape)
    smooth = ndimage.gaussian_filter(colors, (grain, grain, 0)) if grain > 0.3 else colors
    paper = paper_under(smooth)
    # A shadow darkens pen and paper by the same factor, which also reduces their difference.
    brightness = paper.mean(axis=2) + _DARKNESS
    shade = np.maximum(brightness / brightness.max(), _DEEPEST)
    difference = lengths(smooth - paper) / math.sqrt(3) / shade
    return difference, max(_FAINTEST, _NOISE * _typical_step(smooth, 1 + int(4 * grain)))


def _typical_step(colors: np.ndarray, distance: int) -> float:
    """Return the median difference of pixels at a small distance, which is mostly noise."""
    steps = [colors[distance:] - colors[:-distance], colors[:, distance:] - colors[:, :-distance]]
    sizes = np.concatenate([lengths(step).ravel() for step in steps])
    return float(np.median(sizes)) / math.sqrt(3) if sizes.size else 0.0


def _pen_level(difference: np.ndarray, paper_noise: float) -> float:
    """Return the difference of a full stroke from the paper.

    Pixels above the noise are strokes, rims of strokes and rests of shadows. Otsu's threshold separates the strokes.
    """
    above = difference[difference > paper_noise]
    if above.size == 0:
        raise DataError("expected a digit, got only background")
    return float(np.median(above[above >= _otsu(above)]))


def _otsu(values: np.ndarray) -> float:
    """Return the threshold that maximizes the variance between the two classes that it separates.

    Source: Otsu 1979, "A threshold selection method from gray-level histograms".
    """
    low, high = float(values.min()), float(values.max())
    if high - low < _FAINTEST / 64:  # all values are nearly equal
        return low
    counts, edges = np.histogram(values, bins=64)
    centers = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    sums = np.cumsum(counts * centers)
    means = sums[:-1] / np.maximum(below, 1), (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return float(edges[1:-1][np.argmax(below * above * (means[0] - means[1]) ** 2)])


def _pieces_of_a_digit(ink: np.ndarray) -> np.ndarray:
    """Return the ink without specks and, if a digit lies inside of the picture, without pieces at its border."""
    labels, _ = ndimage.label(ink, structure=np.ones((3, 3)))
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    inside = areas.copy()
    inside[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = 0
    if _extent(labels == inside.argmax()) >= _WHOLE * max(ink.shape) and inside.any():
        areas = inside  # the rest is the edge of the table, a line, a finger
    if _extent(labels == areas.argmax()) < _SMALLEST:
        raise DataError(f"expected a digit at least {_SMALLEST} pixels high, got only specks on a background")
    return (areas >= _SPECK * areas.max())[labels]


def _extent(mask: np.ndarray) -> int:
    """Return the longer side of the bounding box of a mask."""
    return max(int(np.ptp(indices)) + 1 for indices in np.nonzero(mask))
