"""The implementations: the same network with the same weights, and the same steps."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

import torchnet
from benchmarks.convnet.autograd import autograd_loop, build_convnet
from torchnet.engine import Engine

_LR, _MOMENTUM = 0.05, 0.9


def make_loop(
    name: str, bfloat16: bool, images: Tensor, labels: Tensor, widths: Sequence[int], blocks: int
) -> Callable[[Tensor], Tensor]:
    """Return a function that takes one step per row of an order and returns the losses.

    Args:
        name: "captured" or "eager" for torchnet, "autograd" or "compiled" for autograd.
        bfloat16: whether to round the operands of products and convolutions to bfloat16; autograd by torch.autocast.
        images: (n, channels, height, width) uint8.
        labels: (n,) int64.
        widths: the channels of each stage.
        blocks: the number of residual blocks in each stage.
    """
    net = torchnet.ConvNet(
        images.shape[1:],
        10,
        widths,
        blocks,
        generator=torch.Generator().manual_seed(0),
        matmul_dtype=torch.bfloat16 if bfloat16 else None,
    )
    options = {"lr": _LR, "momentum": _MOMENTUM}
    if name in ("captured", "eager"):
        optimizer = torchnet.SGD(net.parameters(), **options)
        engine = Engine(net, torchnet.cross_entropy, optimizer, images, labels, way=name)
        return partial(_run, engine)
    twin = build_convnet(images.shape[1], 10, widths, blocks)
    twin.load_state_dict(net.state_dict())
    twin_optimizer = torch.optim.SGD(twin.parameters(), **options)
    return autograd_loop(twin, twin_optimizer, images, labels, bfloat16, compiled=name == "compiled")


def _run(engine: Engine, order: Tensor) -> Tensor:
    return engine.run(order.flatten(), order.shape[1])
