"""Where on a picture there is ink, and how much: paper and pen may be of any color, and the light uneven."""

import math

import numpy as np
from PIL import Image
from scipy import ndimage

from torchnet.data.dataset import DataError

# Differences of color have the unit of the step from black to white.
_FAINTEST = 0.06  # the least difference between pen and paper that is taken for ink
_NOISE = 5  # times what pixels nearby typically differ by, above which a difference is no noise
_EDGE_OF_INK = 0.4  # of the pen's difference: what lies below is the rim of a stroke, or a shadow
_DARKNESS = 0.1  # brightness that is added before shading is taken out: black paper has no shadows that count
_DEEPEST = 1 / 3  # of the light that is left in a shadow
_SHADE = 0.2  # length of the vector between two colors: what is nearer to the surface of the paper is paper in shade
_WIDTHS = (
    0.5,
    0.5,
    0.3,
    0.3,
    0.2,
    0.2,
    0.1,
    0.1,
    0.05,
    0.05,
    0.05,
)  # the same: of what counts as near to the surface, narrower and narrower
_WORTH = 0.03  # of the pixels, which a surface with more terms must be nearer to
_INNER = 0.2  # of a pixel at the border, for which any other one counts
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
    shade = np.maximum(brightness / brightness.max(), _DEEPEST)
    difference = np.linalg.norm(smooth - paper, axis=2) / math.sqrt(3) / shade
    return difference, max(_FAINTEST, _NOISE * _typical_step(smooth, 1 + int(4 * grain)))


def _typical_step(colors: np.ndarray, distance: int) -> float:
    """Return by how much colors differ, in the middle of all cases, at a distance: but for noise, they would not."""
    steps = [colors[distance:] - colors[:-distance], colors[:, distance:] - colors[:, :-distance]]
    lengths = np.concatenate([np.linalg.norm(step, axis=2).ravel() for step in steps])
    return float(np.median(lengths)) / math.sqrt(3) if lengths.size else 0.0


def _paper(colors: np.ndarray) -> np.ndarray:
    """Return the color that the paper has, or would have, at each pixel, (height, width, 3).

    A surface over the picture catches the fall of the light, and what is left between it and the pixels that are paper,
    smoothed, the softer shadows.
    """
    height, width, _ = colors.shape
    stride = max(1, max(height, width) // _COARSE)
    coarse = colors[stride // 2 :: stride, stride // 2 :: stride] if min(height, width) > stride else colors
    surface = _surface(coarse)
    rest = coarse - surface
    is_paper = ndimage.binary_erosion(np.linalg.norm(rest, axis=2) < _SHADE, border_value=1)[..., None]
    sigma = _SMOOTHNESS * max(coarse.shape[:2])
    near = ndimage.gaussian_filter(is_paper.astype(np.float32), (sigma, sigma, 0))
    surface += ndimage.gaussian_filter(rest * is_paper, (sigma, sigma, 0)) / (near + 0.05)
    channels = (Image.fromarray(channel) for channel in np.moveaxis(surface.clip(0, 1).astype(np.float32), 2, 0))
    fine = [np.asarray(channel.resize((width, height), Image.Resampling.BILINEAR)) for channel in channels]
    return np.stack(fine, axis=2)


def _surface(colors: np.ndarray) -> np.ndarray:
    """Return the function of the place that most colors are near to, (height, width, 3): the simplest that will do.

    It is a constant, else linear, else quadratic; each is found from the one before by iteratively reweighted least
    squares, in which what is far from the surface, as ink is, hardly counts. Pixels near the border count more: even
    where a digit fills most of a picture, there is paper around it.

    Source: Geman and McClure 1985, the weights; Blake and Zisserman 1987, to begin with wide ones.
    """
    height, width, _ = colors.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=2).reshape(-1, 6)
    pixels = colors.reshape(-1, 3)
    is_border = np.maximum(abs(x), abs(y)).ravel() > 0.9
    counts = np.where(is_border, 1.0, _INNER)
    best, best_share = np.broadcast_to(np.median(pixels[is_border], axis=0), pixels.shape), 0.0
    for terms in (1, 3, 6):
        surface, some = best, basis[:, :terms]
        for width_of_weights in _WIDTHS:
            weighted = (counts * _nearness(pixels, surface, width_of_weights) ** 2)[:, None] * some
            surface = some @ np.linalg.lstsq(weighted.T @ some, weighted.T @ pixels, rcond=None)[0]
        share = float(counts @ _nearness(pixels, surface, _WIDTHS[-1]) / counts.sum())
        if share > best_share + _WORTH:
            best, best_share = surface, share
    return best.reshape(colors.shape).copy()


def _nearness(colors: np.ndarray, others: np.ndarray, width: float) -> np.ndarray:
    """Return 1 for colors that are the same, a half for those as far apart as the width, towards 0 beyond."""
    return 1 / (1 + (np.linalg.norm(colors - others, axis=1) / width) ** 2)


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
