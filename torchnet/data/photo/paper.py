"""The color of the paper under the ink: even where it is covered, and where the light falls unevenly."""

import numpy as np
from PIL import Image
from scipy import ndimage

_COARSE = 100  # pixels: paper and light change slowly, a picture of this size shows how
# Lengths of the vector between two colors, from 0 to 1 each.
_WIDTHS = (0.5, 0.5, 0.3, 0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05, 0.05)  # within which a color counts as near, in turn
_SHADE = 0.2  # what is nearer to the surface is paper in a shadow
# Shares of the pixels, and of the picture's side.
_WORTH = 0.03  # a surface with more terms must be near to so many more
_INNER = 0.2  # what a pixel counts that is not near the border
_SMOOTHNESS = 0.12  # how near a patch of paper must be to tell the color of another one


def paper_under(colors: np.ndarray) -> np.ndarray:
    """Return the color that the paper has, or would have, at each pixel, (height, width, 3).

    A surface over the picture catches the fall of the light, and what is left between it and the pixels that are paper,
    smoothed, the softer shadows.

    Shape:
        colors: (height, width, 3), from 0 to 1.
        returns: the same.
    """
    height, width, _ = colors.shape
    stride = max(1, max(height, width) // _COARSE)
    coarse = colors[stride // 2 :: stride, stride // 2 :: stride] if min(height, width) > stride else colors
    surface = _surface(coarse)
    rest = coarse - surface
    is_paper = ndimage.binary_erosion(lengths(rest) < _SHADE, border_value=1)[..., None]
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
    return 1 / (1 + (lengths(colors - others) / width) ** 2)


def lengths(vectors: np.ndarray) -> np.ndarray:
    """Return the lengths of vectors (..., 3), in a fifth of the time that np.linalg.norm takes."""
    return np.sqrt(np.einsum("...c,...c", vectors, vectors))
