"""The sigmoid linear activation, also called swish: y = x σ(x)."""

import torch
from torch import Tensor

from torchnet.layers.layer import Layer, expect_floats, expect_shape, refuse


class SiLU(Layer):
    """Multiply each element by its sigmoid, like torch.nn.SiLU: a smooth ReLU with a dip below zero.

    Args:
        inplace: only False.

    Source: Elfwing et al. 2018, "Sigmoid-weighted linear units for neural network function approximation in
    reinforcement learning".
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        refuse(inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        """Return y = x σ(x) = x / (1 + e⁻ˣ), elementwise.

        Shape:
            x: any; returns: the same.
        """
        expect_floats(x)
        s = torch.sigmoid(x)
        y = x * s
        self.remember(s, y)
        return y

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        With s = σ(x) and ds/dx = s (1 - s), the product rule gives dy/dx = s + x s (1 - s), where x s = y:

            ∂L/∂x = G ⊙ (s + y ⊙ (1 - s)),    G = ∂L/∂y
        """
        s, y = self.recall()
        expect_shape("grad_output", grad_output, y.shape, "pass the gradient of this layer's output")
        return grad_output * torch.addcmul(s, y, 1 - s) if input_grad else None
