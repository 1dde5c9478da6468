"""A sequence of layers as one layer. Forward is a loop over them, backward the same loop in reverse order."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn

from torchnet.layers.layer import Layer


class Sequential(nn.Sequential, Layer):
    """Apply layers one after the other, with the names of torch.nn.Sequential: y = f(x), f = f_k ∘ ... ∘ f₁.

    The layers are named "0", "1", ..., so the keys of the `state_dict` are "0.weight", ..., as in torch.nn.

    Args:
        layers: f₁, ..., f_k, applied in this order.

    Raises:
        ValueError: if one of them is not a layer of torchnet, or a subclass of `torchnet.Layer`.
    """

    def __init__(self, *layers: Layer) -> None:
        for layer in layers:
            if not isinstance(layer, Layer):
                raise ValueError(
                    f"expected layers of torchnet, got {type(layer).__name__}: layers of torch.nn have no hand-written "
                    "backward pass"
                )
        super().__init__(*layers)

    def __iter__(self) -> Iterator[Layer]:
        return cast(Iterator[Layer], super().__iter__())

    def __getitem__(self, index: int | slice) -> Any:
        # nn.Sequential would pass the layers of a slice to the constructor of a subclass.
        return Sequential(*list(self)[index]) if isinstance(index, slice) else super().__getitem__(index)

    def forward(self, x: Tensor) -> Tensor:
        """Return y = f(x).

        Shape:
            x: that of the first layer's input; returns: that of the last layer's output.
        """
        for layer in self:
            x = layer(x)
        return x

    @torch.no_grad()
    def backward(
        self, grad_output: Tensor, input_grad: bool = True, written: Callable[[Layer], None] | None = None
    ) -> Tensor | None:
        """Write `.grad` of the weights of all layers; return the gradient of the input.

        By the chain rule, each layer turns the gradient of its output into the gradient of its input, which is the
        output of the layer before it.

        Args:
            grad_output: G = ∂L/∂y, the upstream gradient.
            input_grad: False to skip the gradient of the input of the first layer.
            written: called with each layer as soon as the gradients of its weights are written.

        Shape:
            grad_output: the shape of the output.
            returns: the shape of the input, or None if input_grad is False.
        """
        grad: Tensor | None = grad_output
        for layer in reversed(list(self)):
            grad = layer.backward(cast(Tensor, grad), input_grad=input_grad or layer is not self[0])
            if written is not None:
                written(layer)
        return grad
