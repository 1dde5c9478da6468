"""The convolutional network: residual blocks of convolutions, and stages that halve the size of the image."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch

from torchnet.choices import expect_one_of
from torchnet.initializers import INITIALIZERS
from torchnet.layers import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    Residual,
)
from torchnet.network.mlp import Activation, activation_class
from torchnet.network.network import Network

_POOLING_LAYERS: dict[str, Callable[[int], Layer]] = {"max": MaxPool2d, "avg": AvgPool2d}
POOLINGS = (*_POOLING_LAYERS, "stride")
HEADS = ("average", "flatten")
_MAX_BLOCKS = 1000  # in all stages: far more than anyone trains, and still built within seconds


class ConvNet(Network):
    """A residual convolutional network that returns logits.

    Each stage has a width, and images of half the height and width of the stage before:

        stage:    Conv2d  BatchNorm2d act pool    Residual(Conv2d BatchNorm2d act Conv2d BatchNorm2d) act  ...
        network:  stage ... stage   AdaptiveAvgPool2d(1)  Flatten  drop  Linear

    The first convolution is 5 x 5, the others are 3 x 3; padding keeps the size of the images. They have no bias, since
    batch norm would cancel it. With the pooling "stride" there are no pooling layers: the first convolution of each
    stage has a stride of 2. With the head "flatten" there is no AdaptiveAvgPool2d: the Linear layer sees each pixel of
    the last stage.

    Args:
        input_shape: (channels, height, width) of the images.
        num_classes: C, the number of logits.
        widths: the channels of each stage.
        blocks: the number of residual blocks in each stage.
        pooling: how the size is halved: a name in `POOLINGS`.
        head: what the last layer sees: the "average" of each channel of the last stage, or all its pixels, "flatten".
        activation: a name in `torchnet.layers.ACTIVATIONS` or a class of layers.
        dropout: the dropout probability of the inputs of the last layer.
        initializer: a name in `torchnet.initializers.INITIALIZERS`; biases start at zero.
        generator: the random number generator of the initial weights; torch's global one if None.
        dtype: the dtype of the weights; torch's default if None.
        matmul_dtype: the dtype to which the operands of products are rounded; see `torchnet.layers.Linear`.
        seed: the seed of the dropout mask.

    Raises:
        ValueError: if an argument has an invalid value, or the images are too small for so many stages.

    Source: He et al. 2016, "Deep residual learning for image recognition".
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        num_classes: int,
        widths: Sequence[int] = (32, 64),
        blocks: int = 1,
        pooling: str = "max",
        head: str = "average",
        activation: Activation = "relu",
        dropout: float = 0.0,
        initializer: str = "he_normal",
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
        matmul_dtype: torch.dtype | None = None,
        seed: int = 0,
    ) -> None:
        _expect_sizes(input_shape, num_classes, widths, blocks)
        expect_one_of("pooling", pooling, POOLINGS)
        expect_one_of("head", head, HEADS)
        expect_one_of("initializer", initializer, INITIALIZERS)
        if not isinstance(dropout, (int, float)):
            raise ValueError(f"dropout: expected one probability for a convnet, got {dropout}")
        options: Any = {"initializer": INITIALIZERS[initializer], "generator": generator, "dtype": dtype}
        options["matmul_dtype"] = matmul_dtype
        norm, make_activation = partial(BatchNorm2d, dtype=dtype), activation_class(activation)

        def conv(in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1) -> Conv2d:
            padding = kernel_size // 2
            return Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False, **options)

        def act() -> Layer:
            return make_activation().to(dtype=dtype)

        layers: list[Layer] = []
        for stage, (in_channels, width) in enumerate(pairwise((input_shape[0], *widths))):
            first = conv(in_channels, width, 5 if stage == 0 else 3, 2 if pooling == "stride" else 1)
            layers += [first, norm(width), act()]
            layers += [_POOLING_LAYERS[pooling](2)] if pooling in _POOLING_LAYERS else []
            for _ in range(blocks):
                layers += [Residual(conv(width, width), norm(width), act(), conv(width, width), norm(width)), act()]
        layers += [AdaptiveAvgPool2d(1)] if head == "average" else []
        layers += [Flatten(), *([Dropout(dropout, seed=seed)] if dropout else [])]
        sizes = [1, 1] if head == "average" else [_halved(size, len(widths), pooling) for size in input_shape[1:]]
        super().__init__(*layers, Linear(widths[-1] * sizes[0] * sizes[1], num_classes, **options))
        self.input_shape, self.matmul_dtype = tuple(input_shape), matmul_dtype


def _halved(size: int, times: int, pooling: str) -> int:
    """Return a height or width after so many stages. A pooling drops an odd last pixel, a stride keeps it."""
    for _ in range(times):
        size = (size + 1) // 2 if pooling == "stride" else size // 2
    return size


def _expect_sizes(input_shape: Sequence[int], num_classes: int, widths: Sequence[int], blocks: int) -> None:
    """Raise a ValueError unless these are the sizes of a network that can be built."""
    if not _are_sizes(input_shape) or len(input_shape) != 3:
        raise ValueError(
            f"network: expected images (channels, height, width) for a convnet, got samples of shape {input_shape}: "
            "use an mlp"
        )
    if not _are_sizes([num_classes]):
        raise ValueError(f"num_classes: expected a whole number from 1 up, got {num_classes}")
    if not _are_sizes(widths) or not widths:
        raise ValueError(f"widths: expected one whole number from 1 up for each stage, got {widths}")
    if not isinstance(blocks, int) or not 0 <= blocks * len(widths) <= _MAX_BLOCKS:
        raise ValueError(
            f"blocks: expected a whole number from 0 up, with at most {_MAX_BLOCKS:,} blocks in all stages, got "
            f"{blocks} in each of {len(widths)}"
        )
    height, width = input_shape[1:]
    if (smallest := min(height, width)) < 2 ** len(widths):
        raise ValueError(
            f"widths: expected at most {smallest.bit_length() - 1} stages for images of {height} x {width} pixels, as "
            f"each one halves them, got {len(widths)}"
        )


def _are_sizes(values: Any) -> bool:
    return isinstance(values, Sequence) and all(isinstance(it, int) and it >= 1 for it in values)
