"""The part of an epoch that a run has completed. It is saved in checkpoints, as a run may resume in mid-epoch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torchnet.data import Block


@dataclass
class EpochSoFar:
    """Sums over the samples of the epoch so far.

    Attributes:
        loss_sum: the sum of the loss that training follows.
        samples: their number.
        metric: the newest value of the metric that the scheduler reads.
    """

    loss_sum: float = 0.0
    samples: int = 0
    metric: float | None = None

    @property
    def loss(self) -> float:
        """The mean of the loss."""
        return self.loss_sum / self.samples

    def restart(self) -> None:
        """Start an epoch; the metric stays."""
        self.loss_sum, self.samples = 0.0, 0

    def add(self, losses: Sequence[float], block: Block) -> None:
        """Add the losses of the mini-batches of a block."""
        for loss, mini_batch in zip(losses, block.indices.split(block.batch_size), strict=True):
            self.loss_sum += loss * (block.divisor or len(mini_batch))  # weighted by sample count
            self.samples += len(mini_batch)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    def restore(self, saved: dict[str, Any]) -> None:
        """Restore what `as_dict` returned."""
        self.loss_sum, self.samples, self.metric = float(saved["loss_sum"]), int(saved["samples"]), saved["metric"]
