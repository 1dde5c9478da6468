"""Train a network on tensors, epoch by epoch, with torchnet's engine."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from torchnet.clipping import clip_by_norm
from torchnet.data.order import shuffled
from torchnet.engine import Engine
from torchnet.network import MLP
from torchnet.optimizers import SGD

_SMALL = 10**7  # products of a step that one core computes at once
Loss = Callable[..., tuple[Tensor, Tensor]]
# A captured step saves a fraction of a millisecond, but the first one imports torch's compiler, for a second.
_STEPS_THAT_PAY_FOR_A_CAPTURE = 2000


def train_epochs(
    net: MLP,
    loss: Loss,
    optimizer: SGD,
    inputs: Tensor,
    targets: Tensor,
    epochs: int,
    batch_size: int,
    seed: int,
    lr: Callable[[float], float],
    clip_norm: float | None = None,
    first_epoch: int = 0,
    first_step: int = 0,
) -> Iterator[float]:
    """Train for some epochs; yield the mean loss of each.

    Args:
        net: the network.
        loss: a function (logits, targets, divisor) -> (loss, grad_logits).
        optimizer: updates the weights of the network.
        inputs: (n, I), in the dtype of the weights.
        targets: (n,) int64, or (n, C) in the dtype of the weights.
        epochs: how many.
        batch_size: samples per mini-batch; the last one of an epoch may be smaller.
        seed: the order of the samples in an epoch is a function of the seed and the epoch.
        lr: the learning rate, a function of the part of all steps that is done, from 0 up and below 1.
        clip_norm: the largest norm of all gradients together; None for no clipping.
        first_epoch: the number of epochs that the network was trained for already.
        first_step: the same number of steps.

    Raises:
        FloatingPointError: if a loss is Inf or NaN.
    """
    n, steps = len(inputs), math.ceil(len(inputs) / batch_size)
    way = "captured" if epochs * steps > _STEPS_THAT_PAY_FOR_A_CAPTURE else "eager"  # both have the same bits
    clip = None if clip_norm is None else partial(clip_by_norm, max_norm=clip_norm)
    engine = Engine(net, loss, optimizer, inputs, targets, way=way, clip=clip)
    order = shuffled(n, seed)
    sizes = torch.tensor([min(batch_size, n - start) for start in range(0, n, batch_size)], dtype=inputs.dtype)
    for epoch in range(epochs):
        net.train()
        schedule: list[dict[str, Any]] = [{"lr": lr((epoch * steps + k) / (epochs * steps))} for k in range(steps)]
        indices = torch.from_numpy(order(first_epoch + epoch))
        with few_threads(net, batch_size):
            losses = engine.run(indices, batch_size, schedule=schedule, step=first_step + epoch * steps)
        net.eval()
        mean = float(losses @ sizes) / n
        if not math.isfinite(mean):
            raise FloatingPointError(
                f"expected a finite loss, got {mean} in epoch {first_epoch + epoch + 1}: choose a smaller lr, or "
                "standardize=True"
            )
        yield mean


@contextmanager
def few_threads(net: MLP, batch_size: int) -> Iterator[None]:
    """Compute small products on one core: waiting for other cores takes longer, and much longer if they are busy."""
    threads = torch.get_num_threads()
    small = batch_size * sum(weight.numel() for weight in net.parameters()) < _SMALL
    torch.set_num_threads(1 if small else threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class BestWeights:
    """The weights with the lowest loss on validation data.

    Args:
        net: the network that is trained.
        loss: a function (logits, targets) -> (loss, grad_logits).
        inputs: (n, I).
        targets: (n,) or (n, C).
        patience: the number of epochs without a new lowest loss after which to stop.

    Attributes:
        losses: the loss after each epoch.
    """

    def __init__(self, net: MLP, loss: Loss, inputs: Tensor, targets: Tensor, patience: int) -> None:
        self.net, self.loss, self.inputs, self.targets, self.patience = net, loss, inputs, targets, patience
        self.losses: list[float] = []
        self._best: dict[str, Tensor] = {}

    def should_stop(self) -> bool:
        """Evaluate the network after an epoch; return whether to stop."""
        with few_threads(self.net, len(self.inputs)):
            self.losses.append(float(self.loss(self.net(self.inputs), self.targets)[0]))
        best = self.losses.index(min(self.losses))
        if best == len(self.losses) - 1:
            self._best = {name: value.clone() for name, value in self.net.state_dict().items()}
        return len(self.losses) - 1 - best >= self.patience

    def restore(self) -> None:
        """Give the network the weights with the lowest loss."""
        self.net.load_state_dict(self._best)
