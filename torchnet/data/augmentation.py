"""Random deformation of images, since a slanted, smaller or less steadily written 7 is still a 7.

Each training step sees new images, so the network cannot memorize them. A whole mini-batch is deformed at once, on the
device.

Each output pixel takes the value at some point of the input image, by bilinear interpolation. The point is an affine
function of the pixel's position plus a random displacement, which is nearly the same for neighboring pixels.
"""

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from torchnet.randomness import uniforms

_AFFINE, _ELASTIC = 2**31, 2**31 + 1  # random streams, far from the small numbers that layers use
_SPACING = 1.5  # between control points, in units of elastic_smoothness: correlations are then exact to 0.04
_REACH = 6.0  # of a control point, in the same unit: beyond it, weights would be subnormal in float32, which is slow


@dataclass(frozen=True)
class Deformation:
    """Deform each image of a mini-batch differently: a function `(images, step, start) -> images`.

    An image is scaled along both axes, sheared, rotated and moved; then its pixels are displaced. The random numbers of
    an image depend only on the seed, the step and the image's index in the mini-batch. Settings of 0 cost nothing.

    Args:
        rotation: degrees, the largest angle in either direction.
        scale: width and height are each multiplied by a number from 1 - scale to 1 + scale.
        shear: degrees, the largest angle by which vertical lines lean to either side.
        translation: pixels, the largest shift along each axis.
        elastic_strength: pixels, the standard deviation of the displacement along each axis.
        elastic_smoothness: pixels, the standard deviation σ of the Gaussian that smooths the displacements: those of
            two pixels at distance r have the correlation exp(-r² / 4σ²).
        seed: the seed of the random numbers. Each number is uniformly distributed within its limits.
        steps: the number of training steps that deform; later ones see the images as they are. The running statistics
            of batch norm then end as those of undeformed images, which are tested. None for all steps.

    Raises:
        ValueError: if a setting is out of range.

    Source: Simard, Steinkraus & Platt 2003, "Best practices for convolutional neural networks applied to visual
    document analysis", section 2; their σ = 4, α = 34 are a smoothness of 4 and a strength of α / (√(12π) σ) = 1.4.
    Rotation or shear, and a scale for each axis: Cireşan et al. 2010, arXiv:1003.0358, section 2.2.
    """

    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    translation: float = 0.0
    elastic_strength: float = 0.0
    elastic_smoothness: float = 0.0
    seed: int = 0
    steps: int | None = None

    def __post_init__(self) -> None:
        for name, below_end, expected in (
            ("rotation", self.rotation <= 180, "degrees in [0, 180]"),
            ("scale", self.scale < 1, "a number in [0, 1)"),
            ("shear", self.shear < 90, "degrees in [0, 90)"),
            ("translation", self.translation < math.inf, "pixels in [0, inf)"),
            ("elastic_strength", self.elastic_strength < math.inf, "pixels in [0, inf)"),
            ("elastic_smoothness", self.elastic_smoothness < math.inf, "pixels in [0, inf)"),
        ):
            if not (getattr(self, name) >= 0 and below_end):
                raise ValueError(f"{name}: expected {expected}, got {getattr(self, name)}")
        if self.elastic_strength > 0 and self.elastic_smoothness < 1:
            raise ValueError(
                f"elastic_smoothness: expected at least 1 pixel with an elastic_strength of {self.elastic_strength}, "
                f"got {self.elastic_smoothness}: increase it, or neighboring pixels are torn apart"
            )
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"steps: expected a whole number from 1 up, or null for all steps, got {self.steps}")

    @property
    def is_affine(self) -> bool:
        """Whether images are scaled, sheared, rotated or moved."""
        return any((self.rotation, self.scale, self.shear, self.translation))

    @property
    def is_elastic(self) -> bool:
        """Whether pixels are displaced."""
        return self.elastic_strength > 0

    def __call__(self, images: Tensor, step: Tensor, start: int = 0) -> Tensor:
        """Return the deformed images, or `images` itself if all settings are 0.

        Images are sampled in float64 if that is their dtype, else in float32.

        Args:
            images: images on a background of 0. Points outside of an image have the value 0.
            step: the number of the training step, on the device of the images.
            start: the index of the first image within the mini-batch, if `images` is a part of it.

        Shape:
            images: (N, H, W), floating point.
            step: (), int64; 0 for the first step.
            returns: (N, H, W), of the dtype of `images`.

        Raises:
            ValueError: if the images have another shape or an integer dtype.
        """
        if images.dim() != 3:
            raise ValueError(
                f"expected images of shape (N, H, W), got {tuple(images.shape)}: deform images before flattening"
            )
        if not images.is_floating_point():
            raise ValueError(f"expected images of a floating-point dtype, got {images.dtype}: scale their pixels first")
        if not self.is_affine and not self.is_elastic:
            return images
        sampled = images if images.dtype == torch.float64 else images.float()
        points = self.points(sampled, step, start).permute(0, 2, 3, 1)
        # align_corners=False: -1 and 1 are the outer borders of the image, even if it has only 1 pixel.
        deformed = grid_sample(sampled[:, None], points, align_corners=False)[:, 0].to(images.dtype)
        return deformed if self.steps is None else torch.where(step < self.steps, deformed, images)

    def points(self, images: Tensor, step: Tensor, start: int = 0) -> Tensor:
        """Return the point at which each output pixel samples its image, as x (to the right) and y (down).

        Points are relative to the center of the image, in units of half its width and height: its borders are at -1
        and 1. With p the position of a pixel in pixels, M and t the affine map and d the displacement:

            point = (M⁻¹ (p - t) + d) ⊙ (2/W, 2/H)

        Shape:
            images: (N, H, W), float32 or float64.
            step: (), int64.
            returns: (N, 2, H, W), of the dtype of `images`; (1, 2, H, W) if all settings are 0.
        """
        n, height, width = images.shape
        dtype, device = images.dtype, images.device
        unit = _unit(height, width, dtype, device)
        shapes: dict[int, tuple[int, ...]] = {_AFFINE: (n, 6)} if self.is_affine else {}
        if self.is_elastic:
            rows = smoothing(height, self.elastic_smoothness, dtype, device)
            columns = smoothing(width, self.elastic_smoothness, dtype, device)
            shapes[_ELASTIC] = (n, 2, rows.shape[1], columns.shape[1])
        draws = dict(zip(shapes, uniforms(shapes, self.seed, step, start), strict=True)) if shapes else {}
        maps = self._maps(draws[_AFFINE].to(dtype)) if self.is_affine else torch.eye(2, 3, device=device)
        points = (unit * maps @ _pixels(height, width, dtype, device)).view(-1, 2, height, width)
        if not self.is_elastic:
            return points
        noise = draws[_ELASTIC].to(dtype) - 0.5
        deviations = unit[:, None] * (math.sqrt(12) * self.elastic_strength)  # uniform numbers have variance 1/12
        return (rows @ (deviations * noise @ columns.T)).add_(points)

    def _maps(self, draws: Tensor) -> Tensor:
        """Return random inverse affine maps, (n, 2, 3), from numbers that are uniform on (0, 1), (n, 6)."""
        lowest, spread = _limits(self, draws.dtype, draws.device)
        return inverse_affine(*torch.addcmul(lowest, spread, draws).unbind(1))


def inverse_affine(
    x_scale: Tensor, y_scale: Tensor, shear: Tensor, rotation: Tensor, right: Tensor, down: Tensor
) -> Tensor:
    """Return the maps from positions in the deformed images to positions in the images, in pixels from the center.

    An image is scaled, sheared, rotated and moved: the point q moves to p = M q + t. With x to the right and y down, a
    positive angle rotates counterclockwise, and a positive shear leans to the right:

        M = R S D,    R = [ cos  sin]    S = [1 -tan]    D = [x_scale    0   ]    t = [right]
                          [-sin  cos]        [0   1 ]        [   0    y_scale]        [down ]

    so that q = M⁻¹ (p - t) = D⁻¹ S⁻¹ Rᵀ (p - t).

    Shape:
        x_scale, y_scale, shear (radians), rotation (radians), right, down: (N,).
        returns: (N, 2, 3): [M⁻¹, -M⁻¹ t], to be multiplied by (x, y, 1).
    """
    cos, sin, tan = rotation.cos(), rotation.sin(), shear.tan()
    a, b = (cos + tan * sin) / x_scale, (tan * cos - sin) / x_scale
    c, d = sin / y_scale, cos / y_scale
    return torch.stack((a, b, -a * right - b * down, c, d, -c * right - d * down), dim=1).view(-1, 2, 3)


@cache
def smoothing(length: int, smoothness: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the matrix that interpolates noise at control points to smooth noise along a row of pixels.

    The weight of control point k, at position c_k, in pixel i, at position x_i, is

        K_ik = w_ik / √(Σₖ w_ik²),    w_ik = exp(-(x_i - c_k)² / 2σ²)    (0 from a distance of 6σ)

    If the numbers at the control points are independent with standard deviation s, then each pixel has standard
    deviation s, also near the border. In two dimensions, noise Z at a grid of control points becomes K Z K'ᵀ, with K
    for the rows and K' for the columns.

    Shape:
        returns: (length, number of control points).
    """
    spacing = _SPACING * smoothness
    count = math.ceil((length - 1) / spacing) + 1  # from border to border
    distances = (_centered(length)[:, None] - spacing * _centered(count)) / smoothness
    weights = (-0.5 * distances**2).exp() * (distances.abs() < _REACH)
    return (weights / weights.norm(dim=1, keepdim=True)).to(device, dtype)


@cache
def _limits(deformation: Deformation, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the smallest arguments of `inverse_affine`, and the differences of the largest from them, (6,) each."""
    d = deformation
    largest = (d.scale, d.scale, math.radians(d.shear), math.radians(d.rotation), d.translation, d.translation)
    half = torch.tensor(largest, dtype=torch.float64)
    middle = torch.tensor((1, 1, 0, 0, 0, 0), dtype=torch.float64)
    return (middle - half).to(device, dtype), (2 * half).to(device, dtype)


@cache
def _pixels(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return (x, y, 1) of every pixel, (3, H W), in pixels from the center."""
    y, x = torch.meshgrid(_centered(height), _centered(width), indexing="ij")
    return torch.stack((x, y, torch.ones_like(x))).view(3, -1).to(device, dtype)


@cache
def _unit(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the size of a pixel in units of half the width and half the height, (2, 1)."""
    return torch.tensor([[2 / width], [2 / height]], dtype=dtype, device=device)


def _centered(length: int) -> Tensor:
    return torch.arange(length, dtype=torch.float64) - (length - 1) / 2
