"""Where on a picture there is ink, and how much: paper and pen may be of any color, and the light uneven."""

import math

import numpy as np
from scipy import ndimage

from torchnet.data.dataset import DataError
from torchnet.data.photo.paper import lengths, paper_under

# Differences of color have the unit of the step from black to white.
_FAINTEST = 0.06  # the least difference between pen and paper that is taken for ink
_NOISE = 5  # times what pixels nearby typically differ by, above which a difference is no noise
_EDGE_OF_INK = 0.4  # of the pen's difference: what lies below is the rim of a stroke, or a shadow
_DARKNESS = 0.1  # brightness that is added before shading is taken out: black paper has no shadows that count
_DEEPEST = 1 / 3  # of the light that is left in a shadow
_GRAIN = 1 / 500  # of the picture's side, below the width of any stroke: what is averaged against noise
_SPECK = 0.08  # of the area of the largest piece of ink: what is smaller is a speck, not a part of the digit
_WHOLE = 0.1  # of the picture's side: a piece of ink that is large enough to be a digit by itself
_SMALLEST = 6  # pixels: a digit that is less wide and less high cannot be read


def find_ink(colors: np.ndarray) -> np.ndarray:
    """Return how much ink there is: 0 is paper, 1 is a pen's full stroke.

    Shape:
        colors: (height, width, 3) float32, from 0 to 1.
        returns: (height, width) float32, from 0 to 1.

    Raises:
        DataError: if there is no ink; its message begins with what was expected, for a caller that knows the file.
    """
    difference, paper_noise = _difference(colors)
    level = _pen_level(difference, paper_noise)
    digit = _pieces_of_a_digit(difference > max(paper_noise, _EDGE_OF_INK * level))
    rim = ndimage.binary_dilation(digit, iterations=1 + _extent(digit) // 40, structure=np.ones((3, 3)))
    low = min(paper_noise, level / 4)
    return np.where(rim, np.clip((difference - low) / (level - low), 0, 1), 0).astype(np.float32)


def _difference(colors: np.ndarray) -> tuple[np.ndarray, float]:
    """Return how far each pixel's color is from that of the paper there, and how far noise alone may take it.

    It is a distance between colors, not brightnesses: a red pen on green paper of the same brightness is as good as
    any, and a white one on black paper needs no special care.
    """
    grain = _GRAIN * max(colors.shape)
    smooth = ndimage.gaussian_filter(colors, (grain, grain, 0)) if grain > 0.3 else colors
    paper = paper_under(smooth)
    # A shadow takes the same share of the light from pen and paper: in it, the difference of the two is smaller.
    brightness = paper.mean(axis=2) + _DARKNESS
    shade = np.maximum(brightness / brightness.max(), _DEEPEST)
    difference = lengths(smooth - paper) / math.sqrt(3) / shade
    return difference, max(_FAINTEST, _NOISE * _typical_step(smooth, 1 + int(4 * grain)))


def _typical_step(colors: np.ndarray, distance: int) -> float:
    """Return by how much colors differ, in the middle of all cases, at a distance: but for noise, they would not."""
    steps = [colors[distance:] - colors[:-distance], colors[:, distance:] - colors[:, :-distance]]
    sizes = np.concatenate([lengths(step).ravel() for step in steps])
    return float(np.median(sizes)) / math.sqrt(3) if sizes.size else 0.0


def _pen_level(difference: np.ndarray, paper_noise: float) -> float:
    """Return the difference of a full stroke from the paper.

    What is above the noise is strokes, their rims and remains of shadows; Otsu's threshold parts the strokes from them.
    """
    above = difference[difference > paper_noise]
    if above.size == 0:
        raise DataError("expected a digit, found nothing but background")
    return float(np.median(above[above >= _otsu(above)]))


def _otsu(values: np.ndarray) -> float:
    """Return the threshold that parts values into two classes whose means lie farthest apart, for their sizes.

    Source: Otsu 1979, "A threshold selection method from gray-level histograms".
    """
    low, high = float(values.min()), float(values.max())
    if high - low < _FAINTEST / 64:  # all are alike
        return low
    counts, edges = np.histogram(values, bins=64)
    centers = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    sums = np.cumsum(counts * centers)
    means = sums[:-1] / np.maximum(below, 1), (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return float(edges[1:-1][np.argmax(below * above * (means[0] - means[1]) ** 2)])


def _pieces_of_a_digit(ink: np.ndarray) -> np.ndarray:
    """Return the ink without specks, and without what runs out of the picture beside a digit that does not."""
    labels, _ = ndimage.label(ink, structure=np.ones((3, 3)))
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    inside = areas.copy()
    inside[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = 0
    if _extent(labels == inside.argmax()) >= _WHOLE * max(ink.shape) and inside.any():
        areas = inside  # what it leaves out is the edge of the table, a line, a finger
    if _extent(labels == areas.argmax()) < _SMALLEST:
        raise DataError(f"expected a digit at least {_SMALLEST} pixels high, found nothing but specks on a background")
    return (areas >= _SPECK * areas.max())[labels]


def _extent(mask: np.ndarray) -> int:
    """Return the longer side of the box around what is set."""
    return max(int(np.ptp(indices)) + 1 for indices in np.nonzero(mask))
