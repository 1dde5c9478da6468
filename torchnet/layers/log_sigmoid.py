"""The logarithm of the sigmoid: y = log σ(x) = -log(1 + e⁻ˣ)."""

import torch
from torch import Tensor
from torch.nn import functional

from torchnet.layers.layer import Layer, expect_floats, expect_shape

_THRESHOLD = 40  # log(1 + e⁴⁰) is 40 in float64


class LogSigmoid(Layer):
    """Map each element to the logarithm of its sigmoid, like torch.nn.LogSigmoid: the log-probability of a yes."""

    def forward(self, x: Tensor) -> Tensor:
        """Return y = log σ(x) = -log(1 + e⁻ˣ) = -softplus(-x), elementwise.

        Shape:
            x: any; returns: the same.
        """
        expect_floats(x)
        y = -functional.softplus(-x, threshold=_THRESHOLD)  # the logarithm of sigmoid(x) would be -Inf far below zero
        self.remember(y)
        return y

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        dy/dx = e⁻ˣ / (1 + e⁻ˣ) = 1 - σ(x), and σ(x) = e^y, so the output is enough to compute it:

            ∂L/∂x = G ⊙ (1 - e^y),    G = ∂L/∂y

        expm1 keeps the digits of 1 - e^y where y is close to zero.
        """
        y = self.recall()
        expect_shape("grad_output", grad_output, y.shape, "pass the gradient of this layer's output")
        return grad_output * -torch.expm1(y) if input_grad else None
