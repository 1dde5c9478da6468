"""Mini-batches: in file order for evaluation; in blocks, in the order of the epoch, for training."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from torchnet.data.order import Order


class Batch(NamedTuple):
    """A mini-batch.

    Shape:
        inputs: (N, ...) uint8, or floating point.
        targets: (N,) int64, or (N, C).
    """

    inputs: Tensor
    targets: Tensor


class BatchLoader:
    """Yield all samples in order, one mini-batch at a time.

    Args:
        inputs: (n, ...) uint8, or floating point.
        targets: (n,) int64, or (n, C), on the same device.
        batch_size: samples per mini-batch; the last one may be smaller.
        rows: (m,) int64, the samples in order; None for all of them.
    """

    def __init__(self, inputs: Tensor, targets: Tensor, batch_size: int, rows: np.ndarray | None = None) -> None:
        self.inputs, self.targets, self.batch_size = inputs, targets, batch_size
        self.rows = torch.from_numpy(np.arange(len(inputs)) if rows is None else rows).to(inputs.device)

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        return (Batch(self.inputs[rows], self.targets[rows]) for rows in self.rows.split(self.batch_size))


class Block(NamedTuple):
    """Consecutive mini-batches.

    Attributes:
        indices: (m,) int64, the indices of the samples in training order.
        batch_size: samples per mini-batch; the last one may be smaller.
        divisor: the number that divides a sum over a mini-batch to give its mean; None for the number of samples.
    """

    indices: Tensor
    batch_size: int
    divisor: int | None

    def __len__(self) -> int:
        return -(-len(self.indices) // self.batch_size)


class BlockLoader:
    """Yield the mini-batches of an epoch in blocks. `len` and the state count mini-batches.

    The state is the position in the epoch, so a run can resume after any block, with blocks of another size.

    Args:
        order: the order of the samples in each epoch.
        batch_size: samples per mini-batch; the last one of an epoch may be smaller.
        block_size: called before each block; returns the largest number of mini-batches in it.
        divisor: the divisor of all mini-batches. The notebook divides its smaller last one by the full size too.
        limit: called before each epoch; returns the number of mini-batches after which whoever iterates ends an epoch.
    """

    def __init__(
        self,
        order: Order,
        batch_size: int,
        block_size: Callable[[], int],
        divisor: int | None = None,
        limit: Callable[[], float] = lambda: math.inf,
    ) -> None:
        self.order, self.batch_size, self.block_size, self.divisor = order, batch_size, block_size, divisor
        self.limit = limit
        self.epoch = 0
        self.sampler, self.batch_sampler = self, None  # Lightning calls loader.sampler.set_epoch
        self._position = self._start = 0
        self._length = -(-len(order(0)) // batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, from 0, whose order the next iteration follows."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Block]:
        # A generator runs only from the first `next` on: Lightning creates the iterator before it sets the epoch.
        position, self._start = self._start if self._start < self.limit() else 0, 0
        indices = torch.from_numpy(self.order(self.epoch))
        while position < self._length:
            end = self._position = min(position + self.block_size(), self._length)
            yield Block(indices[position * self.batch_size : end * self.batch_size], self.batch_size, self.divisor)
            position = end

    def state_dict(self) -> dict[str, int]:
        """Return the number of mini-batches of the epoch that have been yielded."""
        return {"position": self._position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Start the next iteration after the mini-batches that were yielded, or at 0 if the epoch was at its end."""
        self._start = self._position = state["position"] % self._length
