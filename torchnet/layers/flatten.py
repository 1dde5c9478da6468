"""Flatten: bring the values of each sample into one row."""

import torch
from torch import Tensor

from torchnet.layers.images import memory_format
from torchnet.layers.layer import Layer, expect_shape, expect_values


class Flatten(Layer):
    """Join dimensions of the input into one, like torch.nn.Flatten.

    Args:
        start_dim: the first of the dimensions; the default keeps the batch.
        end_dim: the last of them; negative numbers count from the end.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        """Return y, the values of x in row-major order.

        Shape:
            x: (N, C, H, W) or others; returns: (N, C · H · W), or that of x with the dimensions joined.

        Raises:
            ValueError: if x is empty, or does not have the dimensions to join.
        """
        expect_values(x, x.dtype)
        start, end = (dim + x.dim() if dim < 0 else dim for dim in (self.start_dim, self.end_dim))
        if not 0 <= start <= end < x.dim():
            raise ValueError(
                f"expected input with dimensions from {self.start_dim} to {self.end_dim} to join, got shape "
                f"{tuple(x.shape)}: change start_dim or end_dim"
            )
        y = x.flatten(start, end)
        self.remember(x.shape, y.shape, memory_format(x))
        return y

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input: that of the output in the shape of the input, as a new tensor.

        Since each y is one x, dy/dx = 1.

        Shape:
            grad_output: the shape of the output; returns: the shape of the input, or None if input_grad is False.
        """
        shape, flat, layout = self.recall()
        expect_shape("grad_output", grad_output, flat, "pass the gradient of this layer's output")
        return grad_output.reshape(shape).clone(memory_format=layout) if input_grad else None

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
