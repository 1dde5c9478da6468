"""What the layers of a network know of the training step: its number, and the rows of the mini-batch that they get."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import Tensor, nn

from torchnet.layers.layer import Layer

if TYPE_CHECKING:
    from torchnet.replicas import Share


@contextmanager
def step_known(net: nn.Module, step_counter: Tensor, share: "Share | None" = None) -> Iterator[None]:
    """Within this context, give the layers of a network the counter of steps, and the rows that they work on."""
    layers = [part for part in net.modules() if isinstance(part, Layer)]
    for layer in layers:
        layer.step_counter, layer.share = step_counter, share
    try:
        yield
    finally:
        for layer in layers:
            layer.step_counter = layer.share = None
