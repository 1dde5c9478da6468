"""Patches of images: where the windows of a convolution or pooling lie, how to gather them, how to add them up."""

import math
from array import array
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product

import torch
from torch import Tensor

Sizes = tuple[int, ...]  # a size for each dimension of an image: (height, width), or (length,)


@dataclass(frozen=True)
class Windows:
    """The windows of an image: a kernel of K = h · w places, at P = H' · W' positions.

    Windows are cut out of the image by index arithmetic. Place k of the window at position p is the pixel

        coordinates[k, p] = stride ⊙ p + dilation ⊙ k - padding,    k = (k₁, k₂), p = (p₁, p₂)

    which lies outside the image if it is in the padding. Images may have any number of dimensions.

    Attributes:
        image_size: (H, W).
        kernel_size: (h, w).
        stride: the step from one position to the next.
        padding: the number of pixels added before and after the image.
        dilation: the step from one place of the window to the next.
        output_size: (H', W').
    """

    image_size: Sizes
    kernel_size: Sizes
    stride: Sizes
    padding: tuple[tuple[int, int], ...]
    dilation: Sizes
    output_size: Sizes

    @property
    def padding_before(self) -> Sizes:
        return tuple(before for before, _ in self.padding)

    def inside(self, device: torch.device | None = None, with_padding: bool = False) -> Tensor:
        """Return whether each place of each window lies in the image, or in the image with its padding: (K, P)."""
        return (self._padded if with_padding else self)._pixels(device) >= 0

    def indices(self, device: torch.device | None = None) -> Tensor:
        """Return the index of each pixel in the flattened image, row · W + column: (K, P); 0 if it lies outside."""
        return self._pixels(device).clamp(min=0)

    def _pixels(self, device: torch.device | None) -> Tensor:
        """Return the index of each pixel, a negative number if it lies outside the image: (K, P), int64."""
        pixels = torch.frombuffer(self._indices, dtype=torch.int64).to(device)
        return pixels.view(math.prod(self.kernel_size), math.prod(self.output_size))

    @cached_property
    def _indices(self) -> "array[int]":
        """The numbers of _pixels, computed once. They are no tensor, which would keep the mode that it was made in."""
        terms = [self._terms(i) for i in range(len(self.image_size))]
        sums = (sum(pixel) for places in product(*terms) for pixel in product(*places))
        return array("q", sums)

    def _terms(self, i: int) -> list[list[int]]:
        """Return what dimension i adds to the index, for each place and position."""
        size, step = self.image_size[i], math.prod(self.image_size[i + 1 :])
        outside = -math.prod(self.image_size)  # the sum is then negative, whatever the other dimensions add
        starts = [self.stride[i] * position - self.padding[i][0] for position in range(self.output_size[i])]
        places = [self.dilation[i] * place for place in range(self.kernel_size[i])]
        return [[(q + k) * step if 0 <= q + k < size else outside for q in starts] for k in places]

    @cached_property
    def _padded(self) -> "Windows":
        """The same windows of the image with its padding."""
        sizes = (size + before + after for size, (before, after) in zip(self.image_size, self.padding, strict=True))
        return replace(self, image_size=tuple(sizes), padding=tuple((0, 0) for _ in self.padding))

    @cached_property
    def all_meet_the_image(self) -> bool:
        """Whether each window has a pixel of the image: dilation may skip a small image."""
        return all(
            any(0 <= s * position + d * place - before < size for place in range(k))
            for size, k, s, before, d, positions in zip(
                self.image_size,
                self.kernel_size,
                self.stride,
                self.padding_before,
                self.dilation,
                self.output_size,
                strict=True,
            )
            for position in range(positions)
        )

    def unfold(self, x: Tensor) -> Tensor:
        """Gather the patches as columns; what lies outside the image is 0.

        Shape:
            x: (*, H, W); returns: (*, K, P).
        """
        patches = x.flatten(-len(self.image_size))[..., self.indices(x.device)]
        return patches.masked_fill(~self.inside(x.device), 0)

    def fold(self, patches: Tensor) -> Tensor:
        """Add each value to the pixel that it was gathered from: the transpose of unfold.

        Shape:
            patches: (*, K, P); returns: (*, H, W).
        """
        patches = patches.masked_fill(~self.inside(patches.device), 0).flatten(-2)
        x = patches.new_zeros(*patches.shape[:-1], math.prod(self.image_size))
        return x.index_add_(-1, self.indices(x.device).flatten(), patches).unflatten(-1, self.image_size)


@lru_cache
def windows(
    image_size: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: tuple[tuple[int, int], ...],
    dilation: Sizes,
    ceil_mode: bool = False,
) -> Windows:
    """Return the windows that fit into an image with its padding; raise a ValueError if there is none.

    In ceil_mode the last window may reach beyond the padding, but has to start within the image or before it.
    """
    output_size = []
    for size, k, s, (before, after), d in zip(image_size, kernel_size, stride, padding, dilation, strict=True):
        left = size + before + after - (d * (k - 1) + 1)  # pixels after the first window
        steps = -(-left // s) if ceil_mode else left // s
        if ceil_mode and steps * s >= size + before:
            steps -= 1
        output_size.append(steps + 1)
    if min(output_size) < 1:
        span = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel_size, strict=True))
        padded = tuple(size + before + after for size, (before, after) in zip(image_size, padding, strict=True))
        raise ValueError(
            f"expected an image of at least {span} pixels, which the kernel spans, got {padded} with padding: pad it, "
            "or take a smaller kernel"
        )
    return Windows(image_size, kernel_size, stride, padding, dilation, tuple(output_size))
