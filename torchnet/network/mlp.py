"""The multilayer perceptron: Linear layers with activations between them."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch

from torchnet.choices import expect_one_of
from torchnet.initializers import INITIALIZERS
from torchnet.layers import ACTIVATIONS, NORMALIZATIONS, BatchNorm1d, Dropout, Layer, Linear, Residual
from torchnet.network.network import Network

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


class MLP(Network):
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
        self.input_shape = (sizes[0],)
        hidden = len(sizes) - 2
        activations = _one_each("activation", activation, hidden, activation_class)
        dropouts = _one_each("dropout", dropout, hidden)
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
                part.append(Dropout(dropouts[i], seed=seed, stream=i))


def activation_class(activation: Any) -> Callable[[], Layer]:
    """Return what makes an activation, which is named or a class of layers."""
    if isinstance(activation, type) and issubclass(activation, Layer):
        return activation
    if isinstance(activation, (list, tuple, Layer)):
        raise ValueError(
            f"activation: expected one name, such as 'relu', or one class of torchnet's layers, such as torchnet.ReLU, "
            f"got {activation!r}"
        )
    expect_one_of("activation", activation, ACTIVATIONS)
    return ACTIVATIONS[activation]


def _one_each(name: str, given: Any, hidden: int, convert: Callable[[Any], Any] = lambda it: it) -> list[Any]:
    """Return one converted value per hidden layer, given either one value for all or one for each."""
    values = given if isinstance(given, (list, tuple)) else [given]
    if len(values) not in (1, hidden):
        raise ValueError(f"{name}: expected one, or one for each of {hidden} hidden layers, got {values}")
    values = [convert(it) for it in values]
    return values * hidden if len(values) == 1 else values
