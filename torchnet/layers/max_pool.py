"""Max pooling: the largest value of each window."""

from typing import Any

import torch
from torch import Tensor

from torchnet.layers.images import expect_images, memory_format
from torchnet.layers.layer import expect_shape, refuse
from torchnet.layers.patches import Windows
from torchnet.layers.pooling import Pooling, Size, unread


class MaxPool2d(Pooling):
    """Take the largest value of each window of an image, like torch.nn.MaxPool2d.

    Args:
        kernel_size: (h, w), the size of a window; one number for both.
        stride: the step from one window to the next; the size of a window if None.
        padding: the pixels added at each side, at most half a window; they are never the largest.
        dilation: the step between the pixels of a window.
        return_indices: only False.
        ceil_mode: whether the last window may reach beyond the image and its padding.

    Raises:
        ValueError: if an argument has an invalid value.
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        refuse(return_indices=return_indices)
        super().__init__(kernel_size, stride, padding, dilation, ceil_mode)
        self.dilation, self.return_indices = dilation, return_indices

    def forward(self, x: Tensor) -> Tensor:
        """Return y, the largest value of each window: y_p = maxₖ x_q(k, p), for each channel of each sample.

        q(k, p) is the pixel at place k of the window at position p. If several are the largest, the first one counts;
        a NaN counts as the largest, and the last of them counts.

        Shape:
            x: (N, C, H, W) or (C, H, W); returns: (N, C, H', W') or (C, H', W').

        Raises:
            ValueError: if x has the wrong shape, or a window has no pixel of the image.
        """
        expect_images(x, 2)
        where = self._windows(x.shape)
        if self.fast and not x.is_complex():
            y, indices = torch.ops.aten.max_pool2d_with_indices(x, *self._geometry())
        else:
            y, indices = _largest(x, where)
        self.remember(indices, x.shape, memory_format(x))
        return y

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        Only the largest pixel q*(p) of a window reaches its output, with slope 1, and a pixel may be the largest of
        several windows, if they overlap. With G = ∂L/∂y:

            ∂L/∂x_q = Σₚ G_p [q*(p) = q]      (P,) -> (H, W)

        It is the transposed product with a matrix S of zeros and ones, in which S_pq = [q*(p) = q]:

            y = S x      (P, HW)(HW,) -> (P,)        ∂L/∂x = Sᵀ G      (HW, P)(P,) -> (HW,)
        """
        indices, shape, layout = self.recall()
        expect_shape("grad_output", grad_output, indices.shape, "pass the gradient of this layer's output")
        if not input_grad:
            return None
        if self.fast and not grad_output.is_complex():
            x = unread(shape, layout, grad_output)
            return torch.ops.aten.max_pool2d_with_indices_backward(grad_output, x, *self._geometry(), indices)
        grad = grad_output.new_zeros(shape).flatten(-2)
        return grad.scatter_add_(-1, indices.flatten(-2), grad_output.flatten(-2)).view(shape)

    def _geometry(self) -> tuple[Any, ...]:
        """Return the arguments of torch's kernels after the tensors."""
        return self._kernel, self._stride, self._padding, self._dilation, self.ceil_mode

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


def _largest(x: Tensor, where: Windows) -> tuple[Tensor, Tensor]:
    """Return the largest value of each window and its index q*(p) in the flattened image."""
    patches, indices, inside = where.unfold(x), where.indices(x.device), where.inside(x.device)
    value = patches[..., 0, :]  # any value, as long as none is the largest
    largest = torch.full(value.shape, -1, device=x.device)
    for patch, index, present in zip(patches.unbind(-2), indices, inside, strict=True):  # of all windows at once
        larger = present & ((largest < 0) | (patch > value) | patch.isnan())
        value, largest = torch.where(larger, patch, value), torch.where(larger, index, largest)
    return value.unflatten(-1, where.output_size), largest.unflatten(-1, where.output_size)
