"""Where on a picture there is ink, and how much: paper and pen may be of any color, and the light uneven."""

import numpy as np
from PIL import Image
from scipy import ndimage

from torchnet.data.dataset import DataError

# Differences of color have the unit of the step from black to white.
_FAINTEST = 0.06  # the least difference between pen and paper that is taken for ink
_NOISE_DEVIATIONS = 6  # standard deviations of the paper above which a difference is no noise
_EDGE_OF_INK = 0.4  # of the pen's difference: what lies below is the rim of a stroke, or a shadow
_DARKNESS = 0.1  # brightness that is added before shading is taken out: black paper has no shadows that count
_COARSE = 100  # pixels: paper and light change slowly, a picture of this size shows how
_SMOOTHNESS = 0.12  # of the picture's side: how near a patch of paper must be to tell the color of another one
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
    paper = _paper(smooth)
    # A shadow takes the same share of the light from pen and paper: in it, the difference of the two is smaller.
    brightness = paper.mean(axis=2) + _DARKNESS
    difference = np.linalg.norm(smooth - paper, axis=2) / np.sqrt(3) * (brightness.max() / brightness)
    middle = np.median(difference)
    deviation = 1.4826 * np.median(abs(difference - middle))  # of a normal distribution, from its quartiles
    return difference, max(_FAINTEST, float(middle + _NOISE_DEVIATIONS * deviation))


def _paper(colors: np.ndarray) -> np.ndarray:
    """Return the color that the paper has, or would have, at each pixel, (height, width, 3).

    A quadratic surface over the picture catches the fall of the light, and what is left between it and the pixels that
    are paper, smoothed, the softer shadows.
    """
    height, width, _ = colors.shape
    stride = max(1, max(height, width) // _COARSE)
    coarse = colors[stride // 2 :: stride, stride // 2 :: stride] if min(height, width) > stride else colors
    surface = _quadratic_surface(coarse)
    rest = coarse - surface
    distance = np.linalg.norm(rest, axis=2)
    is_paper = distance < max(1.5 * _FAINTEST, 4 * float(np.median(distance)))
    is_paper = ndimage.binary_erosion(is_paper, border_value=1).astype(np.float32)[..., None]
    sigma = _SMOOTHNESS * max(coarse.shape[:2])
    weights = ndimage.gaussian_filter(is_paper, (sigma, sigma, 0))
    surface += ndimage.gaussian_filter(rest * is_paper, (sigma, sigma, 0)) / (weights + 0.05)
    channels = [Image.fromarray(channel.astype(np.float32)) for channel in np.moveaxis(surface, 2, 0)]
    size = (width, height)
    return np.stack([np.asarray(it.resize(size, Image.Resampling.BILINEAR)) for it in channels], axis=2)


def _quadratic_surface(colors: np.ndarray) -> np.ndarray:
    """Return the quadratic function of the place that is nearest to most colors, (height, width, 3).

    Iteratively reweighted least squares: what is far from the surface, as ink is, counts less and less. What is near
    the border counts more: even where a digit fills most of a picture, there is paper around it.
    """
    height, width, _ = colors.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=2).reshape(-1, 6)
    pixels = colors.reshape(-1, 3)
    near_border = (np.maximum(abs(x), abs(y)) > 0.8).ravel()
    prior = np.where(near_border, 1.0, 0.3)
    surface = np.broadcast_to(np.median(pixels[near_border], axis=0), pixels.shape)
    for _ in range(20):
        distance = np.linalg.norm(pixels - surface, axis=1)
        weights = np.sqrt(prior / (distance + 0.02))[:, None]
        surface = basis @ np.linalg.lstsq(weights * basis, weights * pixels, rcond=None)[0]
    return surface.reshape(colors.shape)


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
    frame = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    inside = areas.copy()
    inside[frame] = 0
    if (inside > 0).any():
        largest = labels == inside.argmax()
        if _extent(largest) >= _WHOLE * max(ink.shape):  # the rest is the edge of the table, a line, a finger
            areas = inside
    digit = (areas >= max(1, _SPECK * areas.max()))[labels]
    if _extent(digit) < _SMALLEST:
        raise DataError(f"expected a digit at least {_SMALLEST} pixels high, found nothing but specks on a background")
    return digit


def _extent(mask: np.ndarray) -> int:
    """Return the longer side of the box around what is set."""
    return max(int(np.ptp(indices)) + 1 if len(indices) else 0 for indices in np.nonzero(mask))
