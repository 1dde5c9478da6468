"""The network: layers in order. Its forward pass is a loop over them, its backward pass the same loop reversed."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from torchnet.choices import expect_one_of
from torchnet.initializers import INITIALIZERS
from torchnet.layers import ACTIVATIONS, NORMALIZATIONS, BatchNorm1d, Dropout, Layer, Linear, Residual


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
    """A multilayer perceptron: layers of weights with an activation between them, and logits at the end.

    With (784, 64, 64, 10) there are d = 3 layers of weights. After each of them but the last come, as far as they are
    asked for, normalization, activation and dropout:

        Linear  norm act drop  Linear  norm act drop  Linear

    With `residual`, a part between two hidden layers of one width becomes a block that adds its input to its output:

        Linear  Residual(norm act drop Linear)  norm act drop  Linear

    so that the sums run through the network without an activation on their way.

    The keys and layouts of the `state_dict` ("0.weight", "0.bias", "2.weight", ...) are those of the same network built
    as nn.Sequential(nn.Linear, nn.Sigmoid, ...), so that weights move both ways with `load_state_dict`.

    Args:
        layer_sizes: the widths from input to output, at least two.
        activation: a name in `torchnet.layers.ACTIVATIONS`, or one for each hidden layer.
        initializer: a name in `torchnet.initializers.INITIALIZERS`; biases start at zero.
        generator: the source of the random numbers that the weights start from, torch's global one if None.
        dtype: the type of the weights, torch's default if None.
        matmul_dtype: the type to which the operands of products are rounded; see `torchnet.layers.Linear`.
        normalization: a name in `torchnet.layers.NORMALIZATIONS`. A Linear before a BatchNorm1d has no bias: the mean
            that is subtracted would take it away again.
        dropout: the probability with which an output of a hidden layer is dropped in training, or one for each.
        residual: add to each hidden layer the one before it, where both have the same width.
        seed: of the dropout.

    Raises:
        ValueError: if a width, a name or a number is not one that works.
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        activation: str | Sequence[str] = "sigmoid",
        initializer: str = "he_normal",
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
        matmul_dtype: torch.dtype | None = None,
        normalization: str | None = None,
        dropout: float | Sequence[float] = 0.0,
        residual: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.matmul_dtype = matmul_dtype
        sizes = list(layer_sizes)
        if len(sizes) < 2 or any(not isinstance(size, int) or size < 1 for size in sizes):
            raise ValueError(f"layer_sizes: expected at least two whole numbers from 1 up, got {sizes}")
        hidden = len(sizes) - 2
        names = [activation] if isinstance(activation, str) else list(activation)
        for name in names:
            expect_one_of("activation", name, ACTIVATIONS)
        activations = _one_each("activation", names, hidden)
        dropouts = _one_each("dropout", [dropout] if isinstance(dropout, (int, float)) else list(dropout), hidden)
        expect_one_of("initializer", initializer, INITIALIZERS)
        if normalization is not None:
            expect_one_of("normalization", normalization, NORMALIZATIONS)
        linear = partial(
            Linear,
            initializer=INITIALIZERS[initializer],
            generator=generator,
            dtype=dtype,
            matmul_dtype=matmul_dtype,
        )
        normalize = None if normalization is None else NORMALIZATIONS[normalization]
        part: list[Layer] = []
        for i, (in_features, out_features) in enumerate(pairwise(sizes)):
            part.append(linear(in_features, out_features, bias=i == hidden or normalize is not BatchNorm1d))
            is_block = residual and 0 < i < hidden and in_features == out_features
            self.extend([Residual(*part)] if is_block else part)
            if i == hidden:
                break
            part = [] if normalize is None else [normalize(out_features, dtype=dtype)]
            part.append(ACTIVATIONS[activations[i]]())
            if dropouts[i] != 0:
                part.append(Dropout(dropouts[i], seed, stream=i))

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

    def backward(
        self, grad_logits: Tensor, input_grad: bool = False, written: Callable[[Layer], None] | None = None
    ) -> Tensor | None:
        """Write `.grad` of every weight; return the gradient of the input if it is asked for.

        The chain rule: each layer turns the gradient of its output into that of its input, which is the output of the
        layer before it. What `.grad` held before is replaced.

        Args:
            grad_logits: the gradient of the loss with respect to the logits.
            input_grad: whether that of the input is wanted.
            written: told each layer as soon as the gradients of its weights are there.

        Shape:
            grad_logits: (N, C).
            returns: the shape of the input, or None if input_grad is False.

        Raises:
            RuntimeError: if no forward pass was made in training mode since the last backward.
            ValueError: if grad_logits has another shape than the logits had.
        """
        grad: Tensor | None = grad_logits
        for layer in reversed(list(self)):
            grad = layer.backward(cast(Tensor, grad), input_grad=input_grad or layer is not self[0])
            if written is not None:
                written(layer)
        return None if grad is None else grad.reshape(self._input_shape)


def _one_each(name: str, values: list[Any], hidden: int) -> list[Any]:
    """Return one value for each hidden layer, of which one for all or as many may be given."""
    if len(values) not in (1, hidden):
        raise ValueError(f"{name}: expected one, or one for each of {hidden} hidden layers, got {values}")
    return values * hidden if len(values) == 1 else values
