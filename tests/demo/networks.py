"""Networks of random layers, weights and sizes, in which every kind of layer and loss occurs often."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from torchnet import MLP, BatchNorm1d, Dropout, Layer, LayerNorm, Linear, Residual, RMSNorm
from torchnet.layers import ACTIVATIONS, CELU, ELU, Hardtanh, LeakyReLU, PReLU, Softplus
from torchnet.losses import LOSSES

_ACTIVATIONS: list[Callable[[], Layer]] = [
    *ACTIVATIONS.values(),
    lambda: LeakyReLU(0.3),
    lambda: ELU(0.6),
    lambda: Softplus(2.5, threshold=1.0),
    lambda: Hardtanh(-0.3, 1.2),
    lambda: CELU(0.6),
    lambda: PReLU(1, 0.1),
]
_NORMALIZATIONS = [LayerNorm, RMSNorm, lambda width: LayerNorm(width, eps=0.3), lambda width: RMSNorm(width, eps=0.2)]
# The page shows their gradients in evaluation mode, so they are compared with autograd.
_EVALUATION_ONLY = [BatchNorm1d, lambda width: Dropout(0.4), lambda width: BatchNorm1d(width, eps=0.1)]


class Net(MLP):
    """Any layers in order, with the forward and backward loops of MLP."""

    def __init__(self, *layers: Layer) -> None:
        nn.Sequential.__init__(self, *layers)


@dataclass
class Example:
    """A network, a batch of images for it, and the reference to compare with.

    Attributes:
        net: the network in float64, with random weights and buffers.
        loss: the name of the loss in LOSSES.
        images: the images, (N, I).
        labels: the target of each image.
        by_hand: whether the reference is torchnet's backward; otherwise it is autograd in evaluation mode.
    """

    net: Net
    loss: str
    images: Tensor
    labels: list[int]
    by_hand: bool


def random_example(seed: int, samples: int = 1) -> Example:
    """Return the example of a seed with a number of images.

    Consecutive seeds go through all activations, normalizations and losses.
    """
    draw = random.Random(seed)
    by_hand = seed % 3 != 0
    # At least 4: for one or two features, x̂ does not depend on x, and its gradient is only rounding error.
    widths = [draw.randint(4, 30), *(draw.randint(4, 20) for _ in range(seed % 5)), draw.randint(2, 10)]
    layers: list[Layer] = []
    for depth, (in_features, out_features) in enumerate(pairwise(widths)):
        layers.append(Linear(in_features, out_features, bias=draw.random() < 0.7))
        if depth < len(widths) - 2:
            layers += _between(out_features, seed + depth, draw, by_hand)
    if len(layers) == 1:
        layers = [*_between(widths[0], seed, draw, by_hand), *layers]
    net = Net(*layers).double()
    generator = torch.Generator().manual_seed(seed)
    for tensor in (*net.parameters(), *net.buffers()):
        if tensor.dim() == 2:
            tensor.copy_(torch.randn(tensor.shape, generator=generator) / tensor.shape[1] ** 0.5)
        elif tensor.dim() == 1:
            tensor.copy_(torch.randn(tensor.shape, generator=generator))
    for module in net.modules():
        if isinstance(module, BatchNorm1d):
            module.running_var.square_().add_(0.1)
    images = torch.randn((samples, widths[0]), generator=generator, dtype=torch.float64)
    labels = [draw.randrange(widths[-1]) for _ in range(samples)]
    return Example(net, list(LOSSES)[seed % 3 - seed // 3 % 3], images, labels, by_hand)


def _between(width: int, turn: int, draw: random.Random, by_hand: bool) -> list[Layer]:
    """Return the layers between two linear layers: an activation, possibly a normalization or a residual block."""
    activation = _ACTIVATIONS[turn % len(_ACTIVATIONS)]
    norms = _NORMALIZATIONS if by_hand else _NORMALIZATIONS + _EVALUATION_ONLY * 3
    layers: list[Layer] = [draw.choice(norms)(width)] if draw.random() < 0.6 else []
    layers.append(activation())
    if draw.random() < 0.3:
        layers = [Residual(*layers, Residual(Linear(width, width), activation()), Linear(width, width))]
    return layers
