"""The line with the notebook's loss, printed during training."""

import math
from typing import Any

from pytorch_lightning import Callback, Trainer

from torchnet.losses import one_vs_rest_cross_entropy
from torchnet.runs.errors import NonFiniteError


class LossLine(Callback):
    """Print and log the notebook's loss on the whole test and training sets, after epochs 1, 1 + n, 1 + 2n, ...

    If there is a validation set, its loss follows. The accuracy on the training set is logged as well. The lines are
    saved in checkpoints, so the report of a resumed run has all of them.

    Args:
        every_n_epochs: n, the number of epochs between two lines; null for no lines.

    Raises:
        ValueError: if n is below 1; NonFiniteError, in training: if a loss is Inf or NaN.
    """

    def __init__(self, every_n_epochs: int | None = None) -> None:
        if every_n_epochs is not None and every_n_epochs < 1:
            raise ValueError(f"every_n_epochs: expected a whole number from 1 up, got {every_n_epochs}")
        self.every_n_epochs = every_n_epochs
        self.losses: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        if self.every_n_epochs is None or trainer.current_epoch % self.every_n_epochs != 0:
            return
        if pl_module.task == "regression":  # without classes there is no such loss
            return
        data = trainer.datamodule  # type: ignore[attr-defined]  # set by Trainer.fit, missing from its annotations
        epoch = trainer.current_epoch + 1
        loss, logged = {}, {}
        for split in ("test", "train", *(["val"] if data.validates else [])):
            is_test = split == "test"
            outputs = pl_module.test_outputs() if is_test else pl_module.outputs_on(data.evaluation_loader(split))
            loss[split] = one_vs_rest_cross_entropy(*outputs)[0].item()
            if split == "train":  # the others are logged after every epoch or validation
                _, logged["train/accuracy"] = pl_module.loss_and_score(*outputs)
            if not math.isfinite(loss[split]):
                raise NonFiniteError(
                    f"after epoch {epoch} the notebook's loss on the {split} images is {loss[split]}: "
                    "this epoch is not saved; try a smaller --model.lr"
                )
        self.losses.append({"epoch": epoch, **{f"{split}_loss": value for split, value in loss.items()}})
        for logger in trainer.loggers:  # self.log would round to float32
            logger.log_metrics(
                {"epoch": epoch - 1, **{f"{split}/notebook_loss": value for split, value in loss.items()}, **logged},
                trainer.global_step - 1,
            )
        values = ", ".join(f"{split} = {value:.12g}" for split, value in loss.items())
        print(f"notebook loss after epoch {epoch}:", values, flush=True)

    def state_dict(self) -> dict[str, Any]:
        return {"losses": self.losses}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        last = 0
        for line in state_dict["losses"]:
            if not _is_line(line) or line["epoch"] <= last:
                raise ValueError(f"expected lines with an epoch and its losses, ordered by epoch, got {line!r:.100}")
            last = line["epoch"]
        self.losses = state_dict["losses"]


def _is_line(line: Any) -> bool:
    if not isinstance(line, dict) or type(line.get("epoch")) is not int or not {"test_loss", "train_loss"} <= {*line}:
        return False
    return all(type(loss) is float and math.isfinite(loss) for name, loss in line.items() if name != "epoch")
