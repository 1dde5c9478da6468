"""Average pooling: the mean of each window, or of each channel."""

import math
from typing import Any

import torch
from torch import Tensor

from torchnet.layers.images import expect_images, memory_format
from torchnet.layers.layer import Layer, expect_shape
from torchnet.layers.patches import Windows
from torchnet.layers.pooling import Pooling, Size, unread


class AvgPool2d(Pooling):
    """Take the mean of each window of an image, like torch.nn.AvgPool2d.

    Args:
        kernel_size: (h, w), the size of a window; one number for both.
        stride: the step from one window to the next; the size of a window if None.
        padding: the zeros added at each side, at most half a window.
        ceil_mode: whether the last window may reach beyond the image and its padding; what lies there does not count.
        count_include_pad: whether the zeros of the padding count.
        divisor_override: what to divide the sums by, instead of the number of pixels that count.

    Raises:
        ValueError: if an argument has an invalid value.
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, 1, ceil_mode)
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override
        if divisor_override is not None and (not isinstance(divisor_override, int) or divisor_override == 0):
            expected = "expected a whole number other than 0, or None for the mean"
            raise ValueError(f"divisor_override: {expected}, got {divisor_override}")

    def forward(self, x: Tensor) -> Tensor:
        """Return y, the mean of each window: y_p = Σₖ x_q(k, p) / c_p, for each channel of each sample.

        q(k, p) is the pixel at place k of the window at position p, and c_p the number of pixels that count.

        Shape:
            x: (N, C, H, W) or (C, H, W); returns: (N, C, H', W') or (C, H', W').

        Raises:
            ValueError: if x has the wrong shape, or is smaller than a window.
        """
        expect_images(x, 2)
        where = self._windows(x.shape)
        self.remember(x.shape, memory_format(x))
        if self.fast and not x.is_complex():
            return torch.ops.aten.avg_pool2d(x, *self._geometry())
        return (where.unfold(x).sum(dim=-2) / self._divisor(where, x.device)).unflatten(-1, where.output_size)

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        All pixels of a window share the gradient of its output equally, and a pixel sums its shares in all windows
        that contain it. With G = ∂L/∂y:

            ∂L/∂x_q = Σ G_p / c_p over all (k, p) with q(k, p) = q

        In matrix form, where 1 is a column of K ones and X the patches of the image:

            y = 1ᵀ X / c      (1, K)(K, P) -> (1, P)        ∂L/∂x = fold(1 (G / c))      (K, 1)(1, P) -> (H, W)
        """
        shape, layout = self.recall()
        where = self._windows(shape)
        output_shape = (*shape[:-2], *where.output_size)
        expect_shape("grad_output", grad_output, output_shape, "pass the gradient of this layer's output")
        if not input_grad:
            return None
        if self.fast and not grad_output.is_complex():
            x = unread(shape, layout, grad_output)
            return torch.ops.aten.avg_pool2d_backward(grad_output, x, *self._geometry())
        shares = grad_output.flatten(-2) / self._divisor(where, grad_output.device)
        return where.fold(torch.stack([shares] * math.prod(self._kernel), dim=-2))

    def _divisor(self, where: Windows, device: torch.device) -> Tensor | int:
        """Return c, the number of pixels of each window that count: (P,)."""
        return self.divisor_override or where.inside(device, self.count_include_pad).sum(dim=0)

    def _geometry(self) -> tuple[Any, ...]:
        """Return the arguments of torch's kernels after the tensors."""
        flags = (self.ceil_mode, self.count_include_pad, self.divisor_override)
        return self._kernel, self._stride, self._padding, *flags

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool2d(Layer):
    """Take the mean of each channel of an image, like torch.nn.AdaptiveAvgPool2d(1).

    Args:
        output_size: only 1 or (1, 1).

    Raises:
        ValueError: if output_size is another one.
    """

    def __init__(self, output_size: Size) -> None:
        super().__init__()
        if output_size not in (1, (1, 1), [1, 1]):
            raise ValueError(
                f"output_size: expected 1 or (1, 1), the mean of each channel, got {output_size!r}: take AvgPool2d for "
                "windows of one size"
            )
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean over height and width: y_c = Σ_q x_cq / HW.

        Shape:
            x: (N, C, H, W) or (C, H, W); returns: (N, C, 1, 1) or (C, 1, 1).
        """
        expect_images(x, 2)
        self.remember(x.shape)
        return x.mean(dim=(-2, -1), keepdim=True)

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input: each pixel has an equal share, ∂L/∂x_cq = G_c / HW with G = ∂L/∂y."""
        shape = self.recall()
        expect_shape("grad_output", grad_output, (*shape[:-2], 1, 1), "pass the gradient of this layer's output")
        return (grad_output / (shape[-2] * shape[-1])).expand(shape) if input_grad else None

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"
