"""The Gaussian error linear activation: y = x Φ(x)."""

import math

import torch
from torch import Tensor

from torchnet.layers.layer import Layer, expect_floats, expect_shape

_DENSITY_AT_0 = 1 / math.sqrt(2 * math.pi)  # φ(0)
_SLOPE_AT_0 = 2 * math.sqrt(2 / math.pi)  # v'(0) of the approximation
_CUBIC = 0.044715  # fitted empirically in the paper


class GELU(Layer):
    """Multiply each element x by Φ(x), the CDF of the standard normal distribution, like torch.nn.GELU.

    Args:
        approximate: "none" for the exact Φ; "tanh" for a sigmoid that differs from it by less than 0.0003.

    Raises:
        ValueError: if approximate is neither "none" nor "tanh".

    Source: Hendrycks & Gimpel 2016, "Gaussian error linear units (GELUs)", section 2.
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ValueError(f"approximate: expected none or tanh, got {approximate!r}")
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        """Return y = x Φ(x), elementwise.

        Φ(x) = ½ erfc(-x / √2); unlike ½ (1 + erf(x / √2)), it does not cancel far below zero. For the same reason the
        approximation is σ(v) with v = 2√(2/π) (x + 0.044715 x³), which the paper writes as ½ (1 + tanh(v / 2)).

        Shape:
            x: any; returns: the same.
        """
        expect_floats(x)
        if self.approximate == "none":
            cdf = 0.5 * torch.erfc(-math.sqrt(0.5) * x)
        else:
            cdf = torch.sigmoid(_SLOPE_AT_0 * torch.addcmul(x, x * x, x, value=_CUBIC))
        self.remember(x, cdf)
        return x * cdf

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Return the gradient of the input.

        By the product rule, with the density φ = Φ':

            ∂L/∂x = G ⊙ (Φ(x) + x φ(x)),    G = ∂L/∂y

            exact:              φ(x) = exp(-x²/2) / √(2π)
            approximate:        φ(x) = σ(v) (1 - σ(v)) v',    v' = 2√(2/π) (1 + 3 · 0.044715 x²)
        """
        x, cdf = self.recall()
        expect_shape("grad_output", grad_output, x.shape, "pass the gradient of this layer's output")
        if not input_grad:
            return None
        if self.approximate == "none":
            slope = torch.addcmul(cdf, x, torch.exp(-0.5 * x * x), value=_DENSITY_AT_0)
        else:
            bell = x * cdf * (1 - cdf)  # multiplied first below: it is 0 far from zero, where x² alone may overflow
            slope = torch.add(cdf, torch.addcmul(bell, bell * x, x, value=3 * _CUBIC), alpha=_SLOPE_AT_0)
        return grad_output * slope

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"
