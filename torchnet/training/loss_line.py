"""The notebook's line, printed while a network trains."""

import math
from typing import Any, cast

from pytorch_lightning import Callback, LightningModule, Trainer

from torchnet.losses import one_vs_rest_cross_entropy
from torchnet.network import MLP
from torchnet.reporting import evaluate
from torchnet.training.errors import NonFiniteError


class LossLine(Callback):
    """Print and log the notebook's loss on the whole test and training sets, after epochs 1, 1 + n, 1 + 2n, ...

    The lines printed so far are part of a checkpoint, so that the report of a resumed run has all of them.

    Args:
        every_n_epochs: n.

    Raises:
        ValueError: if n is below 1; NonFiniteError, while training: if a loss is not a finite number.
    """

    def __init__(self, every_n_epochs: int = 5) -> None:
        if every_n_epochs < 1:
            raise ValueError(f"every_n_epochs: expected a whole number from 1 up, got {every_n_epochs}")
        self.every_n_epochs = every_n_epochs
        self.losses: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch % self.every_n_epochs != 0:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]  # set by Trainer.fit, missing from its annotations
        test, train = (
            one_vs_rest_cross_entropy(*evaluate(cast(MLP, pl_module.net), data.evaluation_loader(split)))[0].item()
            for split in ("test", "train")
        )
        epoch = trainer.current_epoch + 1
        if not math.isfinite(test + train):
            raise NonFiniteError(
                f"after epoch {epoch} the notebook's loss is {test} on the test set and {train} on the training set: "
                "this epoch is not saved; try a smaller --model.lr"
            )
        self.losses.append({"epoch": epoch, "test_loss": test, "train_loss": train})
        for logger in trainer.loggers:  # not through self.log, which would round to float32
            logger.log_metrics(
                {"epoch": epoch - 1, "test/notebook_loss": test, "train/notebook_loss": train}, trainer.global_step - 1
            )
        print(f"Epoch {epoch}: test loss = {test:.12g}, train loss = {train:.12g}", flush=True)

    def state_dict(self) -> dict[str, Any]:
        return {"losses": self.losses}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.losses = state_dict["losses"]
