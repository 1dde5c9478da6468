"""The network: layers in order. Its forward pass is a loop over them, its backward pass the same loop reversed."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from torchnet.initializers import INITIALIZERS
from torchnet.layers import ACTIVATIONS, Layer, Linear


def layer_sizes(
    in_features: int, hidden_sizes: int | Sequence[int], num_classes: int, depth: int | None = None
) -> tuple[int, ...]:
    """Return the widths of a network from input to output: hidden layers of one width each, or of one width for all.

    layer_sizes(784, (64, 32), 10) and layer_sizes(784, 64, 10, depth=3) are (784, 64, 32, 10) and (784, 64, 64, 10).

    Args:
        in_features: the width of the input.
        hidden_sizes: the width of each hidden layer, or one for all of them.
        num_classes: the width of the output.
        depth: d >= 1, the number of layers of weights; needed with one width for all, else it follows.

    Raises:
        ValueError: if depth is missing, below 1, or another than hidden_sizes says.
    """
    if isinstance(hidden_sizes, int):
        if depth is None or depth < 1:
            raise ValueError(
                f"depth: expected a whole number from 1 up, got {depth}: with one width for all hidden layers "
                f"(hidden_sizes {hidden_sizes}) it says how many layers of weights there are"
            )
        hidden_sizes = (hidden_sizes,) * (depth - 1)
    elif depth is not None and depth != len(hidden_sizes) + 1:
        raise ValueError(
            f"depth: expected {len(hidden_sizes) + 1} for hidden_sizes {list(hidden_sizes)}, got {depth}: leave it out"
        )
    return (in_features, *hidden_sizes, num_classes)


class MLP(nn.Sequential):
    """A multilayer perceptron: linear layers with an activation between them, and logits at the end.

    With (784, 64, 64, 10) there are d = 3 layers of weights. The keys and layouts of the `state_dict` ("0.weight",
    "0.bias", "2.weight", ...) are those of the same network built as nn.Sequential(nn.Linear, nn.Sigmoid, ...), so that
    weights move both ways with `load_state_dict`.

    Args:
        layer_sizes: the widths from input to output, at least two.
        activation: a name in `torchnet.layers.ACTIVATIONS`.
        initializer: a name in `torchnet.initializers.INITIALIZERS`; biases start at zero.
        generator: the source of the random numbers, torch's global one if None.
        dtype: the type of the weights, torch's default if None.
        matmul_dtype: the type to which the operands of products are rounded; see `torchnet.layers.Linear`.

    Raises:
        ValueError: if a width or a name is not one that exists.
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        activation: str = "sigmoid",
        initializer: str = "he_normal",
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
        matmul_dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.matmul_dtype = matmul_dtype
        sizes = list(layer_sizes)
        if len(sizes) < 2 or any(not isinstance(size, int) or size < 1 for size in sizes):
            raise ValueError(f"layer_sizes: expected at least two whole numbers from 1 up, got {sizes}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation: expected one of {', '.join(ACTIVATIONS)}, got {activation!r}")
        if initializer not in INITIALIZERS:
            raise ValueError(f"initializer: expected one of {', '.join(INITIALIZERS)}, got {initializer!r}")
        for in_features, out_features in pairwise(sizes):
            if len(self) > 0:
                self.append(ACTIVATIONS[activation]())
            rule = INITIALIZERS[initializer]
            self.append(Linear(in_features, out_features, rule, generator, dtype, matmul_dtype))

    def __iter__(self) -> Iterator[Layer]:
        return cast(Iterator[Layer], super().__iter__())

    def __getitem__(self, index: int | slice) -> Any:
        # A part of the network is no MLP: nn.Sequential would hand the layers to the constructor above.
        return nn.Sequential(*list(self)[index]) if isinstance(index, slice) else super().__getitem__(index)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits.

        Shape:
            x: (N, ...) with I values a sample, N >= 1; each sample is flattened.
            returns: (N, C).

        Raises:
            ValueError: if x is empty or has another number of values a sample or another dtype than the weights.
        """
        if x.dim() < 2:
            raise ValueError(f"expected a batch of samples (N, ...), got shape {tuple(x.shape)}: one sample is x[None]")
        if self.training:
            self._input_shape = x.shape
        x = x.flatten(1)
        for layer in self:
            x = layer(x)
        return x

    def backward(self, grad_logits: Tensor, input_grad: bool = False) -> Tensor | None:
        """Write `.grad` of every weight; return the gradient of the input if it is asked for.

        The chain rule: each layer turns the gradient of its output into that of its input, which is the output of the
        layer before it. What `.grad` held before is replaced.

        Shape:
            grad_logits: (N, C), the gradient of the loss with respect to the logits.
            returns: the shape of the input, or None if input_grad is False.

        Raises:
            RuntimeError: if no forward pass was made in training mode since the last backward.
            ValueError: if grad_logits has another shape than the logits had.
        """
        grad: Tensor | None = grad_logits
        for layer in reversed(list(self)):
            grad = layer.backward(cast(Tensor, grad), input_grad=input_grad or layer is not self[0])
        return None if grad is None else grad.reshape(self._input_shape)
