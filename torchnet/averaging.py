"""The exponential moving average of a network's weights, which often generalizes better than the last weights."""

import copy
from itertools import chain

import torch
from torch import Tensor, nn


class WeightAverage(nn.Module):
    """A copy of a network whose weights are the exponential moving average of the network's weights.

    For a weight w of the network and its average a, each update sets

        a ← w                                 at the first update
        a ← decay · a + (1 - decay) · w       afterwards

    like torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn(decay) and use_buffers=True, except that integer
    buffers, such as counts, are copied instead of averaged.

    Args:
        net: the network to copy.
        decay: 0 <= decay < 1; the average covers about the last 1 / (1 - decay) updates.

    Attributes:
        net: the averaged copy; evaluate it instead of the network.
        updates: (), int64, the number of updates.

    Raises:
        ValueError: if decay is out of range.

    Source: Polyak & Juditsky 1992, "Acceleration of stochastic approximation by averaging", for the plain mean.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        super().__init__()
        if not 0 <= decay < 1:
            raise ValueError(f"decay: expected a number from 0 up and below 1, got {decay}")
        self.decay = decay
        self.net = copy.deepcopy(net)
        self.updates = nn.Buffer(torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """Include the current weights of the network in the average.

        This can be part of a captured step: a tensor decides whether this is the first update.

        Raises:
            ValueError: if names or shapes of weights and buffers differ from those of the copied network.
        """
        averages, current = _tensors(self.net), _tensors(net)
        shapes, others = ({name: tuple(t.shape) for name, t in tensors.items()} for tensors in (averages, current))
        if shapes != others:
            raise ValueError(f"expected a network with {shapes}, got one with {others}: it is not the one averaged")
        # The weight of the new values: 1 at the first update. lerp with weight 1 is an exact copy.
        part = torch.full_like(self.updates, 1 - self.decay, dtype=torch.float64).masked_fill_(self.updates == 0, 1)
        numbers = [name for name, average in averages.items() if average.is_floating_point()]
        moved, values = [averages[name] for name in numbers], [current[name] for name in numbers]
        torch._foreach_lerp_(moved, values, [part] * len(moved))
        for name in averages.keys() - numbers:  # integers
            averages[name].copy_(current[name])
        self.updates.add_(1)


def _tensors(net: nn.Module) -> dict[str, Tensor]:
    return dict(chain(net.named_parameters(), net.named_buffers()))
