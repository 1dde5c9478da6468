"""Mini-batches: in order for an evaluation, in blocks of many and in the order of the run for training."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from torchnet.data.order import Order


class Batch(NamedTuple):
    """A mini-batch.

    Shape:
        images: (N, ...) uint8.
        targets: (N,) int64, or (N, C) rows.
    """

    images: Tensor
    targets: Tensor


class BatchLoader:
    """Yield all samples in their order, some at a time.

    Args:
        images: (n, ...) uint8.
        targets: (n,) int64, or (n, C) rows, on the same device.
        batch_size: samples in a mini-batch; the last one may be smaller.
    """

    def __init__(self, images: Tensor, targets: Tensor, batch_size: int) -> None:
        self.images, self.targets, self.batch_size = images, targets, batch_size

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        return map(Batch, self.images.split(self.batch_size), self.targets.split(self.batch_size))


class Block(NamedTuple):
    """Some mini-batches in a row.

    Shape:
        indices: (m,) int64, the samples in the order in which they are trained on.
        batch_size: samples in a mini-batch; the last one may be smaller.
        divisor: what a sum over the samples of a mini-batch is divided by to make a mean; None for their number.
    """

    indices: Tensor
    batch_size: int
    divisor: int | None

    def __len__(self) -> int:
        return -(-len(self.indices) // self.batch_size)


class BlockLoader:
    """Yield the mini-batches of an epoch in blocks; its length and its state count mini-batches.

    Its state is a position in the epoch, so that a run can be resumed behind any block, in blocks of another size.

    Args:
        order: the order of the samples in an epoch.
        batch_size: samples in a mini-batch; the last one of an epoch may be smaller.
        block_size: asked before each block, how many mini-batches it is to have at most.
        divisor: of every mini-batch, for the notebook, which divides a smaller one by the full size too.
    """

    def __init__(
        self, order: Order, batch_size: int, block_size: Callable[[], int], divisor: int | None = None
    ) -> None:
        self.order, self.batch_size, self.block_size, self.divisor = order, batch_size, block_size, divisor
        self.epoch = 0
        self.sampler, self.batch_sampler = self, None  # Lightning announces an epoch by loader.sampler.set_epoch
        self._position = self._start = 0
        self._length = -(-len(order(0)) // batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0, whose order the next iteration follows."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Block]:
        # Nothing here runs before the first `next`: Lightning makes the iterator before the epoch is set.
        position, self._start = self._start, 0
        indices = torch.from_numpy(self.order(self.epoch))
        while position < self._length:
            end = self._position = min(position + self.block_size(), self._length)
            yield Block(indices[position * self.batch_size : end * self.batch_size], self.batch_size, self.divisor)
            position = end

    def state_dict(self) -> dict[str, int]:
        """Return how many mini-batches of the epoch have been handed out."""
        return {"position": self._position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Make the next iteration start behind the mini-batches that had been handed out, or at 0 if all had been."""
        self._start = self._position = state["position"] % self._length


def scale_pixels(images: Tensor, dtype: torch.dtype) -> Tensor:
    """Return pixels of 0..255 as numbers of 0..1."""
    return images.to(dtype, copy=True).div_(255)
