"""Estimate the color of the paper at every pixel, also under the ink and in uneven light."""

import numpy as np
from PIL import Image
from scipy import ndimage

_COARSE = 100  # pixels per side: enough, since paper and light change slowly
# Distances between colors whose channels are from 0 to 1.
_WIDTHS = (0.5, 0.5, 0.3, 0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05, 0.05)  # of the weights, one per iteration
_SHADE = 0.2  # pixels nearer to the surface are paper in a shadow
_WORTH = 0.03  # a surface with more terms must fit this additional fraction of the pixels
_INNER = 0.2  # the weight of a pixel that is not near the border, where it is 1
_SMOOTHNESS = 0.12  # of the picture's side: the standard deviation of the smoothing of shadows


def paper_under(colors: np.ndarray) -> np.ndarray:
    """Return the color of the paper at each pixel.

    It is the sum of a smooth surface, which fits the falloff of the light, and of the smoothed residuals of the paper's
    pixels, which fit softer shadows.

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
    """Return the simplest polynomial of the position that fits the colors of most pixels, (height, width, 3).

    It is constant, linear or quadratic. Each degree starts from the previous fit and is fitted by iteratively
    reweighted least squares, in which pixels far from the surface, such as ink, have little weight. Pixels near the
    border have more weight, since paper surrounds even a digit that fills most of the picture.

    Source: Geman and McClure 1985, the weights; Blake and Zisserman 1987, starting with wide ones.
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
    """Return 1 for equal colors, 1/2 at a distance of `width`, and less beyond."""
    return 1 / (1 + (lengths(colors - others) / width) ** 2)


def lengths(vectors: np.ndarray) -> np.ndarray:
    """Return the lengths of vectors (..., 3), five times as fast as np.linalg.norm."""
    return np.sqrt(np.einsum("...c,...c", vectors, vectors))
