"""The bare loop of torchnet: data resident as uint8, gradients by hand, nothing around the step."""

from collections.abc import Callable

import torch
from torch import Tensor

import torchnet
from torchnet.data import scale_pixels


def torchnet_loop(net: torchnet.MLP, images: Tensor, labels: Tensor, lr: float) -> Callable[[Tensor], Tensor]:
    """Return a function that takes one step for each row of an order and returns the losses.

    Shape:
        images: (n, I) uint8.
        labels: (n,) int64.
        the function: (K, B) int64 -> (K,).
    """
    optimizer = torchnet.SGD(net.parameters(), lr=lr)
    dtype = next(net.parameters()).dtype

    def run(order: Tensor) -> Tensor:
        losses = torch.empty(len(order))
        for step, chosen in enumerate(order):
            logits = net(scale_pixels(images[chosen], dtype))
            losses[step], grad_logits = torchnet.cross_entropy(logits, labels[chosen])
            net.backward(grad_logits)
            optimizer.step()
        return losses

    return run
