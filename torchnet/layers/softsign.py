"""The softsign activation: y = x / (1 + |x|)."""

import torch
from torch import Tensor

from torchnet.layers.layer import Layer, expect_floats, expect_shape


class Softsign(Layer):
    """Map each element into (-1, 1), like torch.nn.Softsign: it saturates more slowly than tanh.

    Source: Bergstra et al. 2009, "Quadratic polynomials learn better image features".
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return y = x / (1 + |x|), elementwise.

        Shape:
            x: any; returns: the same.
        """
        expect_floats(x)
        d = 1 + x.abs()
        self.remember(d)
        return x / d

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        With d = 1 + |x|, the quotient rule gives dy/dx = (d - x sign(x)) / d², and d - |x| = 1:

            ∂L/∂x = G / d²,    G = ∂L/∂y
        """
        d = self.recall()
        expect_shape("grad_output", grad_output, d.shape, "pass the gradient of this layer's output")
        return grad_output / d / d if input_grad else None  # d² might overflow
