"""Random deformation of images: whoever writes a 7 more slanted, smaller or less steadily has still written a 7.

Every step trains on images of its own, and a network that never sees an image twice cannot learn it by heart. All of it
happens on the device, to a whole mini-batch at a time.

A pixel of the new image takes the value that the old one has at some point, between the pixels by bilinear
interpolation. Where that point lies is an affine map of the place of the pixel, and a displacement on top of it that is
random, but nearly the same for neighbors.
"""

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from torchnet.randomness import uniform

_AFFINE, _ELASTIC = 2**31, 2**31 + 1  # streams of random numbers, far from the small numbers that layers have
_SPACING = 1.5  # of control points, in units of elastic_smoothness: correlations are right to 0.04
_REACH = 6.0  # of a control point, in the same unit: smaller weights would be subnormal in float32, which are slow


@dataclass(frozen=True)
class Deformation:
    """Deform each image of a mini-batch in its own way: a function `(images, step, start) -> images`.

    An image is scaled along both axes, sheared, rotated and moved, then displaced pixel by pixel. What an image goes
    through depends on seed, step and its place in the mini-batch, and on nothing else: not on how many images follow
    it, nor on what has been drawn before. A part whose settings are 0 is left out and costs nothing.

    Args:
        rotation: degrees, the largest angle to either side, counterclockwise and clockwise alike.
        scale: the most by which each of width and height is multiplied on its own: by 1 - scale to 1 + scale.
        shear: degrees, the largest angle by which vertical lines lean to either side.
        translation: pixels, the most by which the image moves along each axis.
        elastic_strength: pixels, the standard deviation of the displacement along each axis.
        elastic_smoothness: pixels, the standard deviation σ of the Gaussian that smooths the displacements: those of
            two pixels at a distance of r have a correlation of exp(-r² / 4σ²).
        seed: of the random numbers, each of which is spread evenly between its limits.

    Raises:
        ValueError: if a setting is not one that works.

    Source: Simard, Steinkraus & Platt 2003, "Best practices for convolutional neural networks applied to visual
    document analysis", section 2; its σ = 4, α = 34 are a smoothness of 4 and a strength of α / (√(12π) σ) = 1.4.
    Rotation or shear, and a scale for each axis: Cireşan et al. 2010, arXiv:1003.0358, section 2.2.
    """

    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    translation: float = 0.0
    elastic_strength: float = 0.0
    elastic_smoothness: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, below_end, expected in (
            ("rotation", self.rotation <= 180, "degrees from 0 to 180"),
            ("scale", self.scale < 1, "a number from 0 to below 1"),
            ("shear", self.shear < 90, "degrees from 0 to below 90"),
            ("translation", self.translation < math.inf, "pixels from 0 up"),
            ("elastic_strength", self.elastic_strength < math.inf, "pixels from 0 up"),
            ("elastic_smoothness", self.elastic_smoothness < math.inf, "pixels from 0 up"),
        ):
            if not (getattr(self, name) >= 0 and below_end):
                raise ValueError(f"{name}: expected {expected}, got {getattr(self, name)}")
        if self.elastic_strength > 0 and self.elastic_smoothness < 1:
            raise ValueError(
                f"elastic_smoothness: expected pixels from 1 up, got {self.elastic_smoothness}: with an "
                f"elastic_strength of {self.elastic_strength} neighboring pixels would be torn apart"
            )

    @property
    def is_affine(self) -> bool:
        """Whether images are rotated, scaled, sheared or moved."""
        return any((self.rotation, self.scale, self.shear, self.translation))

    @property
    def is_elastic(self) -> bool:
        """Whether pixels are displaced."""
        return self.elastic_strength > 0

    def __call__(self, images: Tensor, step: Tensor, start: int = 0) -> Tensor:
        """Return the images as they are deformed in a step; the very same ones if everything is off.

        They are sampled in float32, or in float64 if that is what they are.

        Args:
            images: what they show on a background of 0, which is what comes in from outside.
            step: the number of the step, on the device of the images.
            start: the place of the first image in the mini-batch, if these are not all of it.

        Shape:
            images: (N, H, W), of a floating-point dtype.
            step: (), int64.
            returns: (N, H, W), of the same dtype.

        Raises:
            ValueError: if the images have another shape, or pixels that are whole numbers.
        """
        if images.dim() != 3:
            raise ValueError(
                f"expected images of shape (N, H, W), got {tuple(images.shape)}: deform them before they are flattened"
            )
        if not images.is_floating_point():
            raise ValueError(f"expected images of a floating-point dtype, got {images.dtype}: scale their pixels first")
        if not self.is_affine and not self.is_elastic:
            return images
        sampled = images if images.dtype == torch.float64 else images.float()
        points = self.points(sampled, step, start).permute(0, 2, 3, 1)
        # align_corners=False: the unit of a point is half an image from border to border, of any size, even of 1 pixel.
        return grid_sample(sampled[:, None], points, align_corners=False)[:, 0].to(images.dtype)

    def points(self, images: Tensor, step: Tensor, start: int = 0) -> Tensor:
        """Return where in its image each pixel takes its value from, as x (to the right) and y (down).

        They are counted from the middle of the image, in halves of its width and height: its borders lie at -1 and 1.
        With p the place of a pixel in pixels, M and t the affine map and d the displacement:

            point = (M⁻¹ (p - t) + d) ⊙ (2/W, 2/H)

        Shape:
            images: (N, H, W), float32 or float64.
            step: (), int64.
            returns: (N, 2, H, W), of the images' dtype; (1, 2, H, W) if all is off.
        """
        n, height, width = images.shape
        dtype, device = images.dtype, images.device
        unit = _unit(height, width, dtype, device)
        maps = self._draw_maps(n, step, start, dtype) if self.is_affine else torch.eye(2, 3, device=device)
        points = (unit * maps @ _pixels(height, width, dtype, device)).view(-1, 2, height, width)
        if not self.is_elastic:
            return points
        rows = smoothing(height, self.elastic_smoothness, dtype, device)
        columns = smoothing(width, self.elastic_smoothness, dtype, device)
        noise = uniform((n, 2, rows.shape[1], columns.shape[1]), self.seed, _ELASTIC, step, start).to(dtype)
        noise = (noise - 0.5) * (math.sqrt(12) * self.elastic_strength)  # of that standard deviation
        return (rows @ (unit[:, None] * noise @ columns.T)).add_(points)

    def _draw_maps(self, n: int, step: Tensor, start: int, dtype: torch.dtype) -> Tensor:
        """Return what `inverse_affine` makes of the numbers drawn for each of n images, (n, 2, 3)."""
        draws = 2 * uniform((n, 6), self.seed, _AFFINE, step, start).to(dtype) - 1  # over (-1, 1)
        wider, taller, leans, angles, right, down = draws.unbind(1)
        return inverse_affine(
            1 + self.scale * wider,
            1 + self.scale * taller,
            math.radians(self.shear) * leans,
            math.radians(self.rotation) * angles,
            self.translation * right,
            self.translation * down,
        )


def inverse_affine(
    x_scale: Tensor, y_scale: Tensor, shear: Tensor, rotation: Tensor, right: Tensor, down: Tensor
) -> Tensor:
    """Return the maps that lead back from a deformed image to the image, in pixels from the middle.

    An image is scaled, then sheared, then rotated, then moved: what was at q comes to p = M q + t. With x to the right
    and y down, a positive angle turns the image counterclockwise, and a positive shear leans it to the right:

        M = R S D,    R = [ cos  sin]    S = [1 -tan]    D = [x_scale    0   ]    t = [right]
                          [-sin  cos]        [0   1 ]        [   0    y_scale]        [down ]

    so that q = M⁻¹ (p - t) = D⁻¹ S⁻¹ Rᵀ (p - t).

    Shape:
        x_scale, y_scale, shear (radians), rotation (radians), right, down: (N,).
        returns: (N, 2, 3): M⁻¹ beside -M⁻¹ t, to be multiplied by (x, y, 1).
    """
    cos, sin, tan = rotation.cos(), rotation.sin(), shear.tan()
    a, b = (cos + tan * sin) / x_scale, (tan * cos - sin) / x_scale
    c, d = sin / y_scale, cos / y_scale
    return torch.stack((a, b, -a * right - b * down, c, d, -c * right - d * down), dim=1).view(-1, 2, 3)


@cache
def smoothing(length: int, smoothness: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the weights by which the noise at control points adds up to smooth noise along a row of pixels.

    Pixel i, at x_i, has control point k, at c_k, in its sum with the weight

        K_ik = w_ik / √(Σₖ w_ik²),    w_ik = exp(-(x_i - c_k)² / 2σ²)    (0 from a distance of 6σ)

    Independent numbers with a standard deviation of s then add up to s at every pixel, at the border as in the middle.
    For two dimensions, rows and columns each have their own: noise Z, a number at each crossing, becomes K Z Kᵀ.

    Shape:
        returns: (length, number of control points).
    """
    spacing = _SPACING * smoothness
    count = math.ceil((length - 1) / spacing) + 1  # from border to border
    distances = (_centered(length)[:, None] - spacing * _centered(count)) / smoothness
    weights = (-0.5 * distances**2).exp() * (distances.abs() < _REACH)
    return (weights / weights.norm(dim=1, keepdim=True)).to(device, dtype)


@cache
def _pixels(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return (x, y, 1) of every pixel, (3, H W), in pixels from the middle."""
    y, x = torch.meshgrid(_centered(height), _centered(width), indexing="ij")
    return torch.stack((x, y, torch.ones_like(x))).view(3, -1).to(device, dtype)


@cache
def _unit(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return what a pixel is in halves of the width and the height, (2, 1)."""
    return torch.tensor([[2 / width], [2 / height]], dtype=dtype, device=device)


def _centered(length: int) -> Tensor:
    return torch.arange(length, dtype=torch.float64) - (length - 1) / 2
