"""The convolutional network: residual blocks of convolutions, between poolings that halve the image."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from torchnet.choices import expect_one_of
from torchnet.initializers import INITIALIZERS
from torchnet.layers import AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Dropout, Flatten, Layer, Linear, MaxPool2d, Residual
from torchnet.network.mlp import Activation, activation_class
from torchnet.network.network import Network

POOLINGS: dict[str, Callable[..., Layer]] = {"max": MaxPool2d}
_MAX_BLOCKS = 1000  # of a stage: far more than anyone trains, and still built within seconds


class ConvNet(Network):
    """A residual convolutional network that returns logits.

    Each stage has a width, and images of half the size of the stage before:

        stage:    Conv2d  BatchNorm2d act pool    Residual(Conv2d BatchNorm2d act Conv2d BatchNorm2d) act  ...
        network:  stage ... stage   AdaptiveAvgPool2d(1)  Flatten  drop  Linear

    All convolutions are 3 x 3 and keep the size of the image. They have no bias, since batch norm would cancel it.

    Args:
        input_shape: (channels, height, width) of the images.
        num_classes: C, the number of logits.
        widths: the channels of each stage.
        blocks: the number of residual blocks in each stage.
        pooling: how the size is halved: a name in `POOLINGS`.
        activation: a name in `torchnet.layers.ACTIVATIONS` or a class of layers.
        dropout: the dropout probability of the inputs of the last layer.
        initializer: a name in `torchnet.initializers.INITIALIZERS`; biases start at zero.
        generator: the random number generator of the initial weights; torch's global one if None.
        dtype: the dtype of the weights; torch's default if None.
        matmul_dtype: the dtype to which the operands of products are rounded; see `torchnet.layers.Linear`.
        seed: the seed of the dropout mask.

    Raises:
        ValueError: if an argument has an invalid value.

    Source: He et al. 2016, "Deep residual learning for image recognition".
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        num_classes: int,
        widths: Sequence[int] = (32, 64),
        blocks: int = 1,
        pooling: str = "max",
        activation: Activation = "relu",
        dropout: float = 0.0,
        initializer: str = "he_normal",
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
        matmul_dtype: torch.dtype | None = None,
        seed: int = 0,
    ) -> None:
        expect_one_of("pooling", pooling, POOLINGS)
        expect_one_of("initializer", initializer, INITIALIZERS)
        options: Any = {"initializer": INITIALIZERS[initializer], "generator": generator, "dtype": dtype}
        options["matmul_dtype"] = matmul_dtype

        def conv(in_channels: int, out_channels: int) -> Layer:
            return Conv2d(in_channels, out_channels, 3, padding=1, bias=False, **options)

        norm, act = partial(BatchNorm2d, dtype=dtype), activation_class(activation)
        layers: list[Layer] = []
        channels = input_shape[0]
        for width in widths:
            layers += [conv(channels, width), norm(width), act(), POOLINGS[pooling](2)]
            for _ in range(blocks):
                layers += [Residual(conv(width, width), norm(width), act(), conv(width, width), norm(width)), act()]
            channels = width
        layers += [AdaptiveAvgPool2d(1), Flatten()]
        layers += [Dropout(dropout, seed=seed)] if dropout else []
        super().__init__(*layers, Linear(channels, num_classes, **options))
        self.input_shape, self.matmul_dtype = tuple(input_shape), matmul_dtype
