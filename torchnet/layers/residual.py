"""The residual block: y = x + f(x), where f is a sequence of layers."""

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from torchnet.layers.layer import Layer


class Residual(nn.Sequential, Layer):
    """Add the output of a sequence of layers to its input.

    The layers are named "0", "1", ... as in nn.Sequential, so the keys of the `state_dict` are "0.weight", ...

    Args:
        layers: f₁, ..., f_k, applied in this order; the output must have the shape of the input.

    Source: He et al. 2016, "Deep residual learning for image recognition", equation 1.
    """

    def __init__(self, *layers: Layer) -> None:
        super().__init__(*layers)

    def __iter__(self) -> Iterator[Layer]:
        return cast(Iterator[Layer], super().__iter__())

    def forward(self, x: Tensor) -> Tensor:
        """Return y = x + f(x) with f = f_k ∘ ... ∘ f₁.

        Shape:
            x: any; returns: the same.

        Raises:
            ValueError: if f(x) does not have the shape of x.
        """
        y = x
        for layer in self:
            y = layer(y)
        if y.shape != x.shape:  # the sum might broadcast
            raise ValueError(
                f"expected layers that return the shape of their input, {tuple(x.shape)}, got {tuple(y.shape)}: the "
                "first and the last layer of a Residual must have one width"
            )
        return x + y

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write `.grad` of the weights of all layers; return the gradient of the input.

        Element by element, y_i = x_i + f_i(x). An input x_j reaches L directly through y_j, and through every f_i.
        With G = ∂L/∂y:

            ∂L/∂x_j = G_j + Σᵢ G_i ∂f_i/∂x_j        ∂L/∂x = G + (backward of f)(G)

        The chain rule through f = f_k ∘ ... ∘ f₁ is the loop of the forward pass in reverse order.
        """
        grad: Tensor | None = grad_output
        for layer in reversed(list(self)):
            grad = layer.backward(cast(Tensor, grad), input_grad=input_grad or layer is not self[0])
        return grad_output + cast(Tensor, grad) if input_grad else None
