"""Torchnet's loop: only its engine, without the Trainer, in one of its three ways."""

from collections.abc import Callable

from torch import Tensor

import torchnet
from benchmarks.child_process import ChildError
from torchnet.engine import Engine


def torchnet_loop(
    net: torchnet.MLP, images: Tensor, labels: Tensor, lr: float, way: str, tf32: bool = False
) -> Callable[[Tensor], Tensor]:
    """Return a function that takes one step per row of an order and returns the losses.

    Args:
        net: the network.
        images: (n, I) uint8.
        labels: (n,) int64.
        lr: the learning rate.
        way: "eager", "captured" or "fused".
        tf32: let a GPU round the operands of float32 products to TF32.

    Raises:
        ChildError: if the steps cannot be computed in this way here.
    """
    optimizer = torchnet.SGD(net.parameters(), lr=lr)
    engine = Engine(net, torchnet.cross_entropy, optimizer, images, labels, block_size=120, way=way, tf32=tf32)
    if engine.way.name != way:
        raise ChildError(f"not {way}: {engine.way.reason}")

    def run(order: Tensor) -> Tensor:
        return engine.run(order.flatten(), order.shape[1])

    return run


def default_way(net: torchnet.MLP, images: Tensor, labels: Tensor) -> str:
    """Return the way in which steps are computed if none is asked for."""
    optimizer = torchnet.SGD(net.parameters())
    way: str = Engine(net, torchnet.cross_entropy, optimizer, images, labels).way.name
    return way
