"""Mini-batches in a reproducible order, gathered on the device."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from torchnet.data.order import Order


class Batch(NamedTuple):
    """A mini-batch.

    Shape:
        images: (N, ...) uint8.
        targets: (N,) int64, or (N, C) rows.
        divisor: what the sums over samples are divided by to make a mean.
    """

    images: Tensor
    targets: Tensor
    divisor: int


class BatchLoader:
    """Yield the mini-batches of an epoch; its state is a position in it, so that a run can be resumed between any two.

    The data stay on one device as they are, pixels as uint8; a mini-batch is gathered there.

    Args:
        images: (n, ...) uint8.
        labels: (n,) int64, on the same device.
        batch_size: samples in a mini-batch; the last one of an epoch may be smaller.
        order: the order of the samples in an epoch.
        divisor: of every mini-batch, for the notebook, which divides a smaller one by the full size too; None for its
            own size.
        num_classes: if given, targets are one-hot rows of this width and the given dtype.
        dtype: of the one-hot rows.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        batch_size: int,
        order: Order,
        divisor: int | None = None,
        num_classes: int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.images, self.labels, self.order = images, labels, order
        self.batch_size, self.divisor = batch_size, divisor
        self.num_classes, self.dtype = num_classes, dtype
        self.epoch = 0
        self.sampler, self.batch_sampler = self, None  # Lightning announces an epoch by loader.sampler.set_epoch
        self._position = self._start = 0
        self._length = -(-len(order(0)) // batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0, whose order the next iteration follows."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Batch]:
        # Nothing here runs before the first `next`: Lightning makes the iterator before the epoch is set.
        start, self._start = self._start, 0
        indices = torch.from_numpy(self.order(self.epoch)).to(self.images.device)
        for position in range(start, self._length):
            chosen = indices[position * self.batch_size : (position + 1) * self.batch_size]
            self._position = position + 1
            targets = self.labels[chosen]
            if self.num_classes is not None:
                targets = one_hot(targets, self.num_classes).to(self.dtype)
            yield Batch(self.images[chosen], targets, self.divisor or len(chosen))

    def state_dict(self) -> dict[str, int]:
        """Return how many mini-batches of the epoch have been handed out."""
        return {"position": self._position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Make the next iteration start behind the mini-batches that had been handed out, or at 0 if all had been."""
        self._start = self._position = state["position"] % self._length


def scale_pixels(images: Tensor, dtype: torch.dtype) -> Tensor:
    """Return pixels of 0..255 as numbers of 0..1."""
    return images.to(dtype) / 255
