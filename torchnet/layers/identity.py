"""No activation: y = x."""

from typing import Any

import torch
from torch import Tensor

from torchnet.layers.layer import Layer, expect_shape


class Identity(Layer):
    """Return the input unchanged, like torch.nn.Identity: a placeholder for another layer.

    Args:
        args, kwargs: ignored, so that it can take the place of a layer with arguments.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Return y = x.

        Shape:
            x: any; returns: the same.
        """
        self.remember(x)
        return x

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input, as a new tensor like every other layer.

        dy/dx = 1:

            ∂L/∂x = G,    G = ∂L/∂y
        """
        x = self.recall()
        expect_shape("grad_output", grad_output, x.shape, "pass the gradient of this layer's output")
        return grad_output.clone() if input_grad else None
