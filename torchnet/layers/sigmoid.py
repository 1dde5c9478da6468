"""The logistic activation: y = 1 / (1 + e⁻ˣ)."""

import torch
from torch import Tensor

from torchnet.layers.layer import Layer, expect_floats, expect_shape


class Sigmoid(Layer):
    """Map each element into (0, 1), like torch.nn.Sigmoid."""

    def forward(self, x: Tensor) -> Tensor:
        """Return y = σ(x) = 1 / (1 + e⁻ˣ), elementwise.

        Shape:
            x: any; returns: the same.
        """
        expect_floats(x)
        y = torch.sigmoid(x)  # 1 / (1 + exp(-x)) would overflow in exp for x far below zero
        self.remember(y)
        return y

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        With u = 1 + e⁻ˣ, y = 1/u and dy/dx = e⁻ˣ / u² = (1/u) (1 - 1/u), so the output is enough to compute it:

            ∂L/∂x = G ⊙ y ⊙ (1 - y),    G = ∂L/∂y
        """
        y = self.recall()
        expect_shape("grad_output", grad_output, y.shape, "pass the gradient of this layer's output")
        # grad_output * y * (1 - y) in one pass
        return torch.ops.aten.sigmoid_backward(grad_output, y) if input_grad else None
