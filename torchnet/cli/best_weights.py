"""The end of training: why it stopped, and the weights with the smallest validation loss."""

import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason

from torchnet.printable import printable
from torchnet.runs.folders import BEST, CHECKPOINTS
from torchnet.storage import CheckpointError, read_checkpoint
from torchnet.training.callbacks.epoch_line import shown
from torchnet.training.lightning_internals import Position, reads_metric_after_epoch
from torchnet.training.resume_checks import check_weights


class BestWeights(NamedTuple):
    """When the weights with the smallest validation loss were reached."""

    step: int
    epoch: int  # from 1
    val_loss: float
    is_after_epoch: bool

    def __str__(self) -> str:
        place = "" if self.is_after_epoch else f", after step {self.step}"
        return f"the weights of epoch {self.epoch}{place} (val loss {shown(self.val_loss)})"


def load_best_weights(folder: Path, model: Any) -> BestWeights | None:
    """Load the weights of best.ckpt into a network; return None if the run has no best.ckpt that can be read.

    Args:
        folder: the folder of the run.
        model: the module with the network.
    """
    path = folder / CHECKPOINTS / BEST
    if not path.is_file():
        return None
    try:
        contents = read_checkpoint(path)
        check_weights(path, contents, model)
    except CheckpointError as error:
        print(f"skipped: {printable(error)}", file=sys.stderr)
        return None
    model.load_state_dict(contents["state_dict"])
    ours = contents["torchnet"]
    position = Position(contents["global_step"], ours["steps_per_epoch"])
    return BestWeights(
        step=position.step,
        epoch=math.ceil(position.step / position.steps_per_epoch),
        val_loss=float(ours["metrics"].get("val/loss", math.nan)),
        is_after_epoch=position.step % position.steps_per_epoch == 0,
    )


def why_stopped(trainer: Any) -> str | None:
    """Return when and why an EarlyStopping ended training; None if none did."""
    for callback in trainer.early_stopping_callbacks:
        if callback.stopping_reason == EarlyStoppingReason.NOT_STOPPED or not trainer.should_stop:
            continue
        monitor = callback.monitor
        why = {
            EarlyStoppingReason.STOPPING_THRESHOLD: f"{monitor} reached {callback.stopping_threshold}",
            EarlyStoppingReason.DIVERGENCE_THRESHOLD: f"{monitor} became worse than {callback.divergence_threshold}",
            EarlyStoppingReason.NON_FINITE_METRIC: f"{monitor} was not finite",
        }.get(
            callback.stopping_reason, f"{monitor} did not improve for {callback.wait_count} {_unit(callback, trainer)}"
        )
        is_cut = trainer.global_step % int(trainer.num_training_batches) != 0
        return f"stopped {'in' if is_cut else 'after'} epoch {callback.stopped_epoch + 1}: {why}"
    return None


def _unit(early_stopping: Any, trainer: Any) -> str:
    """Return what an EarlyStopping counts."""
    is_once_per_epoch = trainer.check_val_every_n_epoch == 1 and trainer.val_check_interval == 1.0
    found = "epoch" if reads_metric_after_epoch(early_stopping) or is_once_per_epoch else "validation"
    return found if early_stopping.wait_count == 1 else f"{found}s"
