"""What max and average pooling share: a value for each window of an image."""

from collections.abc import Sequence

import torch
from torch import Tensor

from torchnet.layers.images import expect_sizes
from torchnet.layers.layer import Layer
from torchnet.layers.patches import Windows, windows

Size = int | tuple[int, int]


class Pooling(Layer):
    """A layer that computes one value from each window of each channel.

    Attributes:
        fast: False for the sums or comparisons that are written out, instead of torch's kernels.
    """

    fast = True

    def __init__(self, kernel_size: Size, stride: Size | None, padding: Size, dilation: Size, ceil_mode: bool) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self._kernel = expect_sizes("kernel_size", kernel_size, 2)
        self._stride, self._padding = expect_sizes("stride", self.stride, 2), expect_sizes("padding", padding, 2, 0)
        self._dilation = expect_sizes("dilation", dilation, 2)
        if any(size > k // 2 for size, k in zip(self._padding, self._kernel, strict=True)):
            raise ValueError(f"padding: expected at most half of kernel_size, {kernel_size}, got {padding!r}")

    def _windows(self, shape: Sequence[int]) -> Windows:
        """Return the windows of images of this shape."""
        sides = tuple((size, size) for size in self._padding)
        where = windows(tuple(shape[-2:]), self._kernel, self._stride, sides, self._dilation, self.ceil_mode)
        if not where.all_meet_the_image:
            raise ValueError(
                f"expected each window to have a pixel of the image, got an image of {where.image_size} pixels, which "
                "some windows skip: take a smaller dilation or padding"
            )
        return where


def unread(shape: Sequence[int], layout: torch.memory_format, grad_output: Tensor) -> Tensor:
    """Return a tensor for kernels that take shape and memory format from x but read none of its values."""
    return torch.empty(shape, dtype=grad_output.dtype, device=grad_output.device, memory_format=layout)
