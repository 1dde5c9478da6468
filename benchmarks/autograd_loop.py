"""The autograd loop: the same network, data and steps as torchnet's loop, with autograd and torch.optim."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

Step = Callable[[Tensor], Tensor]  # the samples of a mini-batch, (B,) -> the loss, ()


def build_network(sizes: Sequence[int]) -> nn.Sequential:
    """Return linear layers with sigmoids between them."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.Sigmoid()]
    return nn.Sequential(*layers[:-1])


def autograd_loop(
    net: nn.Sequential, images: Tensor, labels: Tensor, lr: float, compiled: bool = False
) -> Callable[[Tensor], Tensor]:
    """Return a function that takes one step per row of an order and returns the losses.

    Args:
        net: the network.
        images: (n, I) uint8.
        labels: (n,) int64.
        lr: the learning rate.
        compiled: whether to compile the forward and backward pass, from the gather to the loss, and the update.
    """
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)

    def loss_of(chosen: Tensor) -> Tensor:
        x = images.index_select(0, chosen).to(torch.float32).div_(255)  # twice as fast as images[chosen] / 255
        return criterion(net(x), labels.index_select(0, chosen))

    def update() -> None:
        optimizer.step()

    if compiled:
        loss_of, update = torch.compile(loss_of), torch.compile(update)

    def run(order: Tensor) -> Tensor:
        losses = torch.empty(len(order), device=order.device)
        for step, chosen in enumerate(order):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(chosen)
            loss.backward()
            update()
            losses[step] = loss.detach()
        return losses

    return run
