"""The residual block: y = x + f(x), for layers f in order."""

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from torchnet.layers.layer import Layer


class Residual(nn.Sequential, Layer):
    """Add what layers make of their input to the input itself.

    The layers are named "0", "1", ... as in nn.Sequential, so that the keys of the `state_dict` are "0.weight", ...

    Args:
        layers: f₁, ..., f_k, which together return the shape that they are given.

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
            ValueError: if f(x) has another shape than x.
        """
        y = x
        for layer in self:
            y = layer(y)
        if y.shape != x.shape:  # which might broadcast
            raise ValueError(
                f"expected layers that return the shape of their input, {tuple(x.shape)}, got {tuple(y.shape)}: the "
                "first and the last layer of a Residual must have one width"
            )
        return x + y

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write `.grad` of the weights inside; return the gradient of the input.

        Element by element, y_i = x_i + f_i(x). An input x_j reaches L past the layers, through y_j, and through the
        layers, by way of every f_i. With G = ∂L/∂y:

            ∂L/∂x_j = G_j + Σᵢ G_i ∂f_i/∂x_j        ∂L/∂x = G + (backward of f)(G)

        The chain rule through f = f_k ∘ ... ∘ f₁ is the loop of the forward pass reversed.

        Shape:
            grad_output: that of the output; returns: the same, or None if input_grad is False.

        Raises:
            RuntimeError: if no forward pass was made in training mode since the last backward.
            ValueError: if grad_output has another shape than the output had.
        """
        grad: Tensor | None = grad_output
        for layer in reversed(list(self)):
            grad = layer.backward(cast(Tensor, grad), input_grad=input_grad or layer is not self[0])
        return grad_output + cast(Tensor, grad) if input_grad else None
