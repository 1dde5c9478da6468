"""The mish activation: y = x tanh(softplus(x))."""

import torch
from torch import Tensor
from torch.nn import functional

from torchnet.layers.layer import Layer, expect_floats, expect_shape, refuse


class Mish(Layer):
    """Multiply each element by the tanh of its softplus, like torch.nn.Mish: a smooth ReLU with a dip below zero.

    Args:
        inplace: only False.

    Source: Misra 2019, "Mish: a self regularized non-monotonic activation function".
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        refuse(inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        """Return y = x tanh(log(1 + eˣ)), elementwise.

        Shape:
            x: any; returns: the same.
        """
        expect_floats(x)
        t = torch.tanh(functional.softplus(x))
        self.remember(x, t)
        return x * t

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        With t = tanh(softplus(x)) and σ(x), the slope of softplus, dt/dx = (1 - t²) σ(x). By the product rule:

            ∂L/∂x = G ⊙ (t + x σ(x) (1 - t²)),    G = ∂L/∂y
        """
        x, t = self.recall()
        expect_shape("grad_output", grad_output, x.shape, "pass the gradient of this layer's output")
        return grad_output * torch.addcmul(t, x * torch.sigmoid(x), 1 - t * t) if input_grad else None
