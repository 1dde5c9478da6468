"""The network: a sequence of layers. Forward is a loop over them, backward the same loop in reverse order."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from torchnet.choices import expect_one_of
from torchnet.html.network import network_table
from torchnet.initializers import INITIALIZERS
from torchnet.layers import ACTIVATIONS, NORMALIZATIONS, BatchNorm1d, Dropout, Layer, Linear, Residual

Activation = str | type[Layer]
_MAX_DEPTH = 10_000  # layers: far more than anyone trains, and still built within seconds


def layer_sizes(
    in_features: int, hidden_sizes: int | Sequence[int], num_classes: int, depth: int | None = None
) -> tuple[int, ...]:
    """Return the widths of a network from input to output.

    layer_sizes(784, (64, 32), 10) is (784, 64, 32, 10), and layer_sizes(784, 64, 10, depth=3) is (784, 64, 64, 10).

    Args:
        in_features: the width of the input.
        hidden_sizes: the width of each hidden layer, or one int for all of them.
        num_classes: the width of the output.
        depth: d from 1 to 10,000, the number of Linear layers; required if hidden_sizes is an int, redundant
            otherwise.

    Raises:
        ValueError: if depth is missing, out of range, or inconsistent with hidden_sizes.
    """
    if isinstance(hidden_sizes, int):
        if depth is None or depth < 1:
            raise ValueError(
                f"depth: expected a whole number from 1 up, got {depth}: with one width for all hidden layers "
                f"(hidden_sizes {hidden_sizes}) it says how many layers of weights there are; one hidden layer of this "
                f"width is hidden_sizes [{hidden_sizes}]"
            )
        if depth > _MAX_DEPTH:
            raise ValueError(f"depth: expected at most {_MAX_DEPTH:,} layers, got {depth:,}: choose a smaller depth")
        hidden_sizes = (hidden_sizes,) * (depth - 1)
    elif depth is not None and depth != len(hidden_sizes) + 1:
        raise ValueError(
            f"depth: expected {len(hidden_sizes) + 1} for hidden_sizes {list(hidden_sizes)}, got {depth}: leave it out"
        )
    return (in_features, *hidden_sizes, num_classes)


class MLP(nn.Sequential):
    """A multilayer perceptron: Linear layers with activations between them, returning logits.

    Layer sizes (784, 64, 64, 10) give d = 3 Linear layers. Normalization (optional), activation and dropout (optional)
    follow each Linear except the last:

        Linear  norm act drop  Linear  norm act drop  Linear

    With `residual`, the layers between two hidden layers of equal width become a block that adds its input to its
    output, so that the sums pass through the network without an activation in between:

        Linear  Residual(norm act drop Linear)  norm act drop  Linear

    The keys and layouts of the `state_dict` ("0.weight", "0.bias", "2.weight", ...) are those of the same network built
    as nn.Sequential(nn.Linear, nn.Sigmoid, ...), so `load_state_dict` moves weights both ways.

    Args:
        layer_sizes: the widths from input to output, at least two.
        activation: a name in `torchnet.layers.ACTIVATIONS` or a class of layers, or one per hidden layer.
        initializer: a name in `torchnet.initializers.INITIALIZERS`; biases start at zero.
        generator: the random number generator of the initial weights; torch's global one if None.
        dtype: the dtype of the weights; torch's default if None.
        matmul_dtype: the dtype to which the operands of matrix products are rounded; see `torchnet.layers.Linear`.
        normalization: a name in `torchnet.layers.NORMALIZATIONS`. A Linear before a BatchNorm1d has no bias, since
            subtracting the mean would cancel it.
        dropout: the dropout probability of the hidden layers, or one per hidden layer.
        residual: whether to add a residual connection between consecutive hidden layers of equal width.
        seed: the seed of the dropout masks.

    Raises:
        ValueError: if an argument has an invalid value.
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        activation: Activation | Sequence[Activation] = "sigmoid",
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
        if isinstance(layer_sizes, int):
            raise ValueError(
                f"layer_sizes: expected one sequence of widths, got {layer_sizes}: put them in parentheses, as in "
                "MLP((784, 64, 10))"
            )
        sizes = list(layer_sizes)
        if len(sizes) < 2 or any(not isinstance(size, int) or size < 1 for size in sizes):
            raise ValueError(f"layer_sizes: expected at least two whole numbers from 1 up, got {sizes}")
        hidden = len(sizes) - 2
        chosen = list(activation) if isinstance(activation, (list, tuple)) else [activation]
        activations = _one_each("activation", [_constructor(it) for it in chosen], hidden)
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
            part.append(activations[i]().to(dtype=dtype))
            if dropouts[i] != 0:
                part.append(Dropout(dropouts[i], seed, stream=i))

    def __iter__(self) -> Iterator[Layer]:
        return cast(Iterator[Layer], super().__iter__())

    def __getitem__(self, index: int | slice) -> Any:
        # nn.Sequential would pass the layers of a slice to the constructor of MLP.
        return nn.Sequential(*list(self)[index]) if isinstance(index, slice) else super().__getitem__(index)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits.

        Shape:
            x: (N, ...) with I values per sample, N >= 1; each sample is flattened.
            returns: (N, C).

        Raises:
            ValueError: if x is empty, or has the wrong number of values per sample or the wrong dtype.
        """
        if x.dim() < 2:
            raise ValueError(f"expected a batch of samples (N, ...), got {tuple(x.shape)}: pass one sample as x[None]")
        if self.training:
            self._input_shape = x.shape
        x = x.flatten(1)
        for layer in self:
            x = layer(x)
        return x

    def backward(
        self, grad_logits: Tensor, input_grad: bool = False, written: Callable[[Layer], None] | None = None
    ) -> Tensor | None:
        """Write `.grad` of every weight; return the gradient of the input if input_grad is True.

        By the chain rule, each layer turns the gradient of its output into the gradient of its input, which is the
        output of the layer before it. `.grad` is overwritten, not accumulated.

        Args:
            grad_logits: the gradient of the loss with respect to the logits.
            input_grad: whether to compute the gradient of the input.
            written: called with each layer as soon as the gradients of its weights are written.

        Shape:
            grad_logits: (N, C).
            returns: the shape of the input, or None if input_grad is False.

        Raises:
            RuntimeError: if no forward pass was made in training mode since the last backward.
            ValueError: if grad_logits does not have the shape of the logits.
        """
        grad: Tensor | None = grad_logits
        for layer in reversed(list(self)):
            grad = layer.backward(cast(Tensor, grad), input_grad=input_grad or layer is not self[0])
            if written is not None:
                written(layer)
        return None if grad is None else grad.reshape(self._input_shape)

    def _repr_html_(self) -> str:
        return network_table(self)


def _constructor(activation: Any) -> Callable[[], Layer]:
    """Return what makes an activation, which is named or a class of layers."""
    if isinstance(activation, type) and issubclass(activation, Layer):
        return activation
    expect_one_of("activation", activation, ACTIVATIONS)
    return ACTIVATIONS[activation]


def _one_each(name: str, values: list[Any], hidden: int) -> list[Any]:
    """Return one value per hidden layer, given either one value for all or one for each."""
    if len(values) not in (1, hidden):
        raise ValueError(f"{name}: expected one, or one for each of {hidden} hidden layers, got {values}")
    return values * hidden if len(values) == 1 else values
