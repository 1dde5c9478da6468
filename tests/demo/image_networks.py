"""Convolutional networks of random layers, weights and sizes, in which every kind of layer of images occurs often."""

import random
from collections.abc import Callable

import torch
from torch import nn

from torchnet import Network
from torchnet.layers import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Dropout2d,
    Flatten,
    GroupNorm,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
    Residual,
    Sequential,
    Tanh,
)
from torchnet.losses import LOSSES

from .networks import Example

Draw = random.Random
Maker = Callable[[Draw, int], Layer]  # of a layer for images with a number of channels


def random_image_example(seed: int, samples: int = 1) -> Example:
    """Return the example of a seed with a number of images, which are not square."""
    draw = Draw(seed)
    by_hand = seed % 2 == 0
    makers = [make for names, make in _MAKERS if by_hand <= (names != "evaluation only")]
    shape = (draw.randint(1, 4), draw.randint(7, 11), draw.randint(7, 11))
    layers: list[Layer] = []
    x = torch.zeros(1, *shape)
    for turn in range(draw.randint(2, 5)):
        layers.append(makers[(seed // 2 + turn) % len(makers)](draw, x.shape[1]))
        x = layers[-1].eval()(x)
        if min(x.shape[2:]) < 5:
            break
    classes = draw.randint(2, 5)
    net = Network(*layers, Flatten(), Linear(x[0].numel(), classes)).double()
    net.input_shape = shape
    generator = torch.Generator().manual_seed(seed)
    _draw_tensors(net, generator)
    images = torch.randn((samples, *shape), generator=generator, dtype=torch.float64)
    labels = [draw.randrange(classes) for _ in range(samples)]
    return Example(net, list(LOSSES)[seed % 3], images, labels, by_hand)


def _draw_tensors(net: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights and buffers."""
    for name, tensor in net.state_dict().items():
        if tensor.dim() > 0:
            values = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            tensor.copy_(values**2 + 0.1 if "running_var" in name else values / max(1, tensor[0].numel()) ** 0.5)


def _convolution(draw: Draw, channels: int) -> Layer:
    groups = draw.choice([groups for groups in (1, 1, 2, 3, 4) if channels % groups == 0])
    kernel = (draw.randint(1, 3), draw.randint(1, 4))
    options = draw.choice(
        [
            {"padding": "same", "dilation": draw.randint(1, 2)},
            {"padding": "valid", "stride": (2, 1)},
            {"padding": (draw.randint(0, 3), draw.randint(0, 2)), "stride": (draw.randint(1, 2), draw.randint(1, 3))},
            {"padding": draw.randint(1, 2), "dilation": (2, 1)},
        ]
    )
    out_channels = groups * draw.randint(1, 3)
    return Conv2d(channels, out_channels, kernel, groups=groups, bias=draw.random() < 0.7, **options)


def _max_pool(draw: Draw, channels: int) -> Layer:
    kernel = (draw.randint(2, 3), draw.randint(2, 3))
    options = {
        "stride": draw.choice([None, 1, 2, (2, 1)]),
        "padding": draw.randint(0, 1),
        "ceil_mode": draw.random() < 0.5,
    }
    return Sequential(ReLU(), MaxPool2d(kernel, dilation=draw.choice([1, (2, 1)]), **options))  # with equal zeros


def _avg_pool(draw: Draw, channels: int) -> Layer:
    options = {"ceil_mode": draw.random() < 0.5, "count_include_pad": draw.random() < 0.5}
    divisor = draw.choice([None, None, 5])
    kernel, stride = (draw.randint(2, 3), 3), draw.choice([None, 1, 2, (2, 1)])
    return AvgPool2d(kernel, stride, draw.randint(0, 1), divisor_override=divisor, **options)


def _block(draw: Draw, channels: int) -> Layer:
    convolutions = [Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2)]
    return Residual(convolutions[0], Tanh(), Sequential(Residual(Tanh()), convolutions[1]))


def _batch_norm(draw: Draw, channels: int) -> Layer:
    return BatchNorm2d(channels, eps=draw.choice([1e-5, 0.1]))


_MAKERS: list[tuple[str, Maker]] = [
    ("Conv2d", _convolution),
    ("MaxPool2d", _max_pool),
    ("AvgPool2d", _avg_pool),
    ("Residual", _block),
    ("evaluation only", _batch_norm),
    ("Conv2d", _convolution),
    ("evaluation only", lambda draw, channels: Dropout(0.4)),
    ("AdaptiveAvgPool2d", lambda draw, channels: AdaptiveAvgPool2d(1)),
    ("GroupNorm", lambda draw, channels: GroupNorm(1 + (channels % 2 == 0), channels)),
    ("evaluation only", lambda draw, channels: Dropout2d(0.4)),
]
