"""The residual block: y = x + f(x), where f is a sequence of layers."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from torchnet.layers.layer import Layer
from torchnet.layers.sequential import Sequential


class Residual(Sequential):
    """Add the output of a sequence of layers to its input.

    The layers are named "0", "1", ... as in torch.nn.Sequential, so the keys of the `state_dict` are "0.weight", ...

    Args:
        layers: f₁, ..., f_k, applied in this order; the output must have the shape of the input.

    Source: He et al. 2016, "Deep residual learning for image recognition", equation 1.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return y = x + f(x) with f = f_k ∘ ... ∘ f₁.

        Shape:
            x: any; returns: the same.

        Raises:
            ValueError: if f(x) does not have the shape of x.
        """
        y = super().forward(x)
        if y.shape != x.shape:  # the sum might broadcast
            raise ValueError(
                f"expected layers that return the shape of their input, {tuple(x.shape)}, got {tuple(y.shape)}: the "
                "first and the last layer of a Residual must have one width"
            )
        return x + y

    @torch.no_grad()
    def backward(
        self, grad_output: Tensor, input_grad: bool = True, written: Callable[[Layer], None] | None = None
    ) -> Tensor | None:
        """Write `.grad` of the weights of all layers; return the gradient of the input.

        Element by element, y_i = x_i + f_i(x). An input x_j reaches L directly through y_j, and through every f_i.
        With G = ∂L/∂y:

            ∂L/∂x_j = G_j + Σᵢ G_i ∂f_i/∂x_j        ∂L/∂x = G + (backward of f)(G)
        """
        grad = super().backward(grad_output, input_grad, written)
        return grad_output + cast(Tensor, grad) if input_grad else None
