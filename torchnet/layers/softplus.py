"""The softplus activation: y = log(1 + e^βx) / β."""

import torch
from torch import Tensor
from torch.nn import functional

from torchnet.layers.layer import Layer, expect_floats, expect_shape


class Softplus(Layer):
    """Smooth the kink of ReLU, like torch.nn.Softplus.

    Args:
        beta: β; the larger it is, the sharper the bend at zero.
        threshold: where βx > threshold, y = x; softplus differs from x there by less than e^-threshold / β.

    Source: Dugas et al. 2001, "Incorporating second-order functional knowledge for better option pricing".
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Tensor) -> Tensor:
        """Return y = log(1 + e^βx) / β where βx ≤ threshold and y = x elsewhere, elementwise.

        Shape:
            x: any; returns: the same.
        """
        expect_floats(x)
        y = functional.softplus(x, self.beta, self.threshold)
        self.remember(x, y)
        return y

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        dy/dx = e^βx / (1 + e^βx) = 1 - 1 / (1 + e^βx), and 1 + e^βx = e^βy. Above the threshold dy/dx = 1:

            ∂L/∂x = G ⊙ (1 - e^-βy)  where βx ≤ threshold,    G elsewhere,    G = ∂L/∂y

        Unlike e^βx, e^-βy never overflows, and expm1 keeps the digits of 1 - e^-βy where y is close to zero.
        """
        x, y = self.recall()
        expect_shape("grad_output", grad_output, y.shape, "pass the gradient of this layer's output")
        if not input_grad:
            return None
        slope = -torch.expm1(-self.beta * y)
        return torch.where(self.beta * x > self.threshold, grad_output, grad_output * slope)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"
