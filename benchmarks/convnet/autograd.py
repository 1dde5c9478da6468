"""The same network built from torch.nn, and the autograd loop that trains it."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn


class Residual(nn.Sequential):
    """The sum of an input and what a sequence of layers makes of it."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


def build_convnet(channels: int, classes: int, widths: Sequence[int], blocks: int) -> nn.Sequential:
    """Return the network that torchnet.ConvNet is, with the same names of its weights."""

    def conv(in_channels: int, out_channels: int, kernel_size: int = 3) -> nn.Module:
        return nn.Conv2d(in_channels, out_channels, kernel_size, padding="same", bias=False)

    layers: list[nn.Module] = []
    for stage, width in enumerate(widths):
        layers += [conv(channels, width, 5 if stage == 0 else 3), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        for _ in range(blocks):
            block = [conv(width, width), nn.BatchNorm2d(width), nn.ReLU(), conv(width, width), nn.BatchNorm2d(width)]
            layers += [Residual(*block), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def autograd_loop(
    net: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    bfloat16: bool = False,
    compiled: bool = False,
) -> Callable[[Tensor], Tensor]:
    """Return a function that takes one step per row of an order and returns the losses.

    Args:
        net: the network; it is moved to the memory format channels_last.
        optimizer: one of torch.optim for its weights.
        images: (n, channels, height, width) uint8.
        labels: (n,) int64.
        bfloat16: whether to use torch.autocast.
        compiled: whether to compile the forward and backward pass, from the gather to the loss.
    """
    net.to(memory_format=torch.channels_last)
    criterion = nn.CrossEntropyLoss()

    def loss_of(chosen: Tensor) -> Tensor:
        x = images.index_select(0, chosen).to(torch.float32).div_(255).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16) if bfloat16 else nullcontext():
            return criterion(net(x), labels.index_select(0, chosen))

    if compiled:
        loss_of = torch.compile(loss_of)

    def run(order: Tensor) -> Tensor:
        losses = torch.empty(len(order), device=order.device)
        for step, chosen in enumerate(order):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(chosen)
            loss.backward()
            optimizer.step()
            losses[step] = loss.detach()
        return losses

    return run
