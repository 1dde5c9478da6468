"""The moving average of a network's weights, which is often the better network of the two."""

import copy
from itertools import chain

import torch
from torch import Tensor, nn


class WeightAverage(nn.Module):
    """Keep a copy of a network whose weights are the exponential moving average of its weights.

    For a weight w of the network and its average a, at each update:

        a ← w at the first, then decay · a + (1 - decay) · w

    as torch.optim.swa_utils.AveragedModel does with get_ema_multi_avg_fn(decay) and use_buffers=True. Only that buffers
    of whole numbers, such as counts, are copied: their mean is no whole number.

    Args:
        net: the network, of which a copy is made.
        decay: from 0 up and below 1; an average over about the last 1 / (1 - decay) updates.

    Attributes:
        net: the copy. Evaluate it in place of the network.
        updates: (), int64, how many there were.

    Raises:
        ValueError: if decay is out of its range.

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
        """Take the present weights of a network into the average, in one pass over them.

        It may be part of a captured step: which update is the first is decided by a tensor.

        Raises:
            ValueError: if the network has other weights or buffers than the one that was copied.
        """
        averages, current = _tensors(self.net), _tensors(net)
        shapes, others = ({name: tuple(t.shape) for name, t in tensors.items()} for tensors in (averages, current))
        if shapes != others:
            raise ValueError(f"expected a network with {shapes}, got one with {others}: it is not the one averaged")
        # The part of the new weights: all of it at the first update. lerp by 1 is a copy, to the last bit.
        part = torch.full_like(self.updates, 1 - self.decay, dtype=torch.float64).masked_fill_(self.updates == 0, 1)
        for name, average in averages.items():
            if average.is_floating_point():
                average.lerp_(current[name], part)
            else:
                average.copy_(current[name])
        self.updates.add_(1)


def _tensors(net: nn.Module) -> dict[str, Tensor]:
    return dict(chain(net.named_parameters(), net.named_buffers()))
