"""A sequence of layers as one layer. Forward is a loop over them, backward the same loop in reverse order."""

from collections.abc import Callable, Iterator
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from torchnet.layers.layer import Layer


class Sequential(nn.Sequential, Layer):
    """Apply layers one after the other, with the names of torch.nn.Sequential: y = f(x), f = f_k ∘ ... ∘ f₁.

    The layers are named "0", "1", ..., so the keys of the `state_dict` are "0.weight", ..., as in torch.nn.

    Args:
        layers: f₁, ..., f_k, applied in this order; or one OrderedDict of them by name.

    Raises:
        ValueError: if one of them is not a `torchnet.Layer`.
    """

    def add_module(self, name: str, module: nn.Module | None) -> None:
        """Add a layer; the constructor, `append` and `extend` do it by this."""
        _expect_layer(module)
        super().add_module(name, module)

    def insert(self, index: int, module: nn.Module) -> Self:
        _expect_layer(module)
        return super().insert(index, module)

    def __setitem__(self, index: int, module: nn.Module) -> None:
        _expect_layer(module)
        super().__setitem__(index, module)

    def __add__(self, other: nn.Sequential) -> "Sequential":
        # nn.Sequential would return one of its own, without a backward pass.
        return Sequential(*self, *other)

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


def _expect_layer(module: Any) -> None:
    if not isinstance(module, Layer):
        got = module.__name__ if isinstance(module, type) else type(module).__name__
        raise ValueError(
            f"expected layers of torchnet, got {got}: pass instances of torchnet's layers, or of subclasses of "
            "torchnet.Layer, which have a backward pass"
        )
