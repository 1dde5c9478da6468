"""How a peer that lives inside Lightning's own loop waits for its turn."""

from collections.abc import Iterator
from typing import ClassVar

from pytorch_lightning import Callback, LightningModule, Trainer

from benchmarks.peers import Laps
from benchmarks.torch_weights import weights_of


class Turns(Callback):
    """Ask for the next lap where an epoch starts, so that all that Lightning does between epochs is on the clock.

    It takes no arguments, as the command line has none to give; `laps` is set on the class. The module keeps its
    network in the attribute `net`.
    """

    laps: ClassVar[Laps]
    epochs: Iterator[int]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.epochs = Turns.laps(lambda: weights_of(pl_module.net))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        next(self.epochs)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        next(self.epochs, None)  # the end of the last lap
