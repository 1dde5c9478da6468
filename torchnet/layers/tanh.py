"""The hyperbolic tangent activation: y = tanh x."""

import torch
from torch import Tensor

from torchnet.layers.layer import Layer, expect_floats, expect_shape


class Tanh(Layer):
    """Map each element into (-1, 1), like torch.nn.Tanh."""

    def forward(self, x: Tensor) -> Tensor:
        """Return y = tanh(x) = (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ), elementwise.

        Shape:
            x: any; returns: the same.
        """
        expect_floats(x)
        y = torch.tanh(x)
        self.remember(y)
        return y

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        With y = sinh x / cosh x, dy/dx = (cosh² x - sinh² x) / cosh² x = 1 - y²:

            ∂L/∂x = G ⊙ (1 - y²),    G = ∂L/∂y
        """
        y = self.recall()
        expect_shape("grad_output", grad_output, y.shape, "pass the gradient of this layer's output")
        # grad_output * (1 - y * y) in one pass
        return torch.ops.aten.tanh_backward(grad_output, y) if input_grad else None
