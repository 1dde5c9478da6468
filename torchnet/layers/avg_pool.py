"""Average pooling: the mean of each window."""

import torch
from torch import Tensor

from torchnet.layers.layer import Layer


class AdaptiveAvgPool2d(Layer):
    """Take the mean of each channel of an image, like torch.nn.AdaptiveAvgPool2d(1)."""

    def __init__(self, output_size: int) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean over height and width."""
        self.remember(x)
        return x.mean(dim=(-2, -1), keepdim=True)

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input."""
        x = self.recall()
        return (grad_output / (x.shape[-1] * x.shape[-2])).expand_as(x) if input_grad else None

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"
