"""Autograd's whole step as a CUDA graph: forward, backward and update in one launch."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

_WARM_UP = 3  # steps


def autograd_graph(
    net: nn.Sequential, images: Tensor, labels: Tensor, lr: float, steps: int, batch: int
) -> Callable[[Tensor], Tensor]:
    """Return a function that takes one step per row of an order and returns the losses. The weights stay as they are.

    The graph reads its samples from a row of a tensor and counts the rows itself, so nothing is copied between steps.
    On a CPU, the step is called instead.

    Args:
        net: the network.
        images: (n, I) uint8.
        labels: (n,) int64.
        lr: the learning rate.
        steps: the largest number of rows of an order.
        batch: the number of samples per step.
    """
    criterion, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=lr, foreach=True)
    rows = torch.zeros((steps, batch), dtype=torch.int64, device=images.device)
    losses = torch.zeros(steps, device=images.device)
    place = torch.zeros(1, dtype=torch.int64, device=images.device)

    def step() -> None:
        chosen = rows.index_select(0, place).view(-1)
        x = images.index_select(0, chosen).to(torch.float32).div_(255)
        loss = criterion(net(x), labels.index_select(0, chosen))
        loss.backward()
        optimizer.step()
        losses.index_copy_(0, place, loss.detach().view(1))
        place.add_(1)

    def plain_step() -> None:
        optimizer.zero_grad(set_to_none=True)
        step()

    take = _captured(step, plain_step, net, place) if images.is_cuda else plain_step

    def run(order: Tensor) -> Tensor:
        rows[: len(order)] = order
        place.zero_()
        for _ in range(len(order)):
            take()
        return losses[: len(order)].clone()

    return run


def _captured(
    step: Callable[[], None], plain_step: Callable[[], None], net: nn.Sequential, place: Tensor
) -> Callable[[], None]:
    """Capture a step as PyTorch's documentation says: after a few steps on another stream, without gradients."""
    before = [weight.detach().clone() for weight in net.parameters()]
    side, main = torch.cuda.Stream(), torch.cuda.current_stream()
    side.wait_stream(main)
    with torch.cuda.stream(side):
        for _ in range(_WARM_UP):
            place.zero_()
            plain_step()
    main.wait_stream(side)
    for weight in net.parameters():
        weight.grad = None  # so that backward, in the graph, writes gradients instead of adding to them
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    with torch.no_grad():
        for weight, value in zip(net.parameters(), before, strict=True):
            weight.copy_(value)
    return graph.replay
