"""No activation: y = x."""

import torch
from torch import Tensor

from torchnet.layers.layer import Layer, expect_shape


class Identity(Layer):
    """Pass everything as it is, as torch.nn.Identity does: to leave out an activation and keep its place."""

    def forward(self, x: Tensor) -> Tensor:
        """Return y = x.

        Shape:
            x: any; returns: the same.
        """
        self.remember(x)
        return x

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input, a tensor of its own as that of any layer is.

        dy/dx = 1:

            ∂L/∂x = G,    G = ∂L/∂y

        Shape:
            grad_output: that of the output; returns: the same, or None if input_grad is False.

        Raises:
            RuntimeError: if no forward pass was made in training mode since the last backward.
            ValueError: if grad_output has another shape than the output had.
        """
        x = self.recall()
        expect_shape("grad_output", grad_output, x.shape, "pass the gradient of this layer's output")
        return grad_output.clone() if input_grad else None
