"""Flatten: bring the values of each sample into one row."""

import torch
from torch import Tensor

from torchnet.layers.layer import Layer


class Flatten(Layer):
    """Join dimensions of the input into one, like torch.nn.Flatten.

    Args:
        start_dim: the first of the dimensions.
        end_dim: the last of them.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        """Return y, the values of x in the same order."""
        self.remember(x)
        return x.flatten(self.start_dim, self.end_dim)

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input: that of the output, in the shape of the input."""
        x = self.recall()
        return grad_output.reshape(x.shape) if input_grad else None

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
