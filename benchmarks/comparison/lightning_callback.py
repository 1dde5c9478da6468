"""Time the epochs of a peer that trains in the loop of Lightning."""

from collections.abc import Iterator
from typing import ClassVar

from pytorch_lightning import Callback, LightningModule, Trainer

from benchmarks.comparison.torch_weights import weights_of
from benchmarks.peers import TimedEpochs


class EpochTimingCallback(Callback):
    """Request the next epoch when one starts, so that the time between epochs is measured, too.

    `timed_epochs` is a class attribute because the command line of train.py cannot pass it as an argument. The module
    must keep its network in the attribute `net`.
    """

    timed_epochs: ClassVar[TimedEpochs]
    epochs: Iterator[int]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.epochs = EpochTimingCallback.timed_epochs(lambda: weights_of(pl_module.net))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        next(self.epochs)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        next(self.epochs, None)  # end the last epoch
