"""A run that is at its end: why it stopped, its best weights, and a command that asks to continue it."""

import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jsonargparse import Namespace
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason

from torchnet.cli.foreign_config import known_part
from torchnet.cli.options import Options
from torchnet.printable import printable
from torchnet.runs.errors import UsageError
from torchnet.runs.folders import BEST, CHECKPOINTS, CONFIG, FoundCheckpoint, run_of
from torchnet.storage import CheckpointError, read_checkpoint
from torchnet.training.callbacks.epoch_line import shown
from torchnet.training.lightning_internals import Position, reads_metric_after_epoch
from torchnet.training.resume_checks import check_weights, finished_epochs

_LENGTHS = ("epochs", "steps", "time")  # max_epochs, min_epochs and so on


def zero_limit(trainer: Any) -> str | None:
    """Return the option of the Trainer that limits training to nothing, if one does."""
    limits = ("max_epochs", "max_steps", "limit_train_batches")
    return next((name for name in limits if getattr(trainer, name) == 0), None)


def is_finished(found: FoundCheckpoint, options: Options, trainer: Any) -> bool:
    """Return whether a command continues a run that is at its end, with nothing left to train.

    Args:
        found: a verified checkpoint of the run.
        options: the options of the command.
        trainer: the Trainer of the command.

    Raises:
        UsageError: if there is nothing left to train, but the command asks for another training than that of the run.
    """
    done = {"epochs": finished_epochs(found.contents), "steps": found.contents["global_step"]}
    limits = {"epochs": -1 if trainer.max_epochs is None else trainer.max_epochs, "steps": trainer.max_steps}
    for what, limit in limits.items():
        if 0 <= limit < done[what]:
            raise UsageError(f"{found.path} is after {done[what]} {what}: expected more as --trainer.max_{what}")
    is_over = any(limit == done[what] for what, limit in limits.items())
    if not is_over and not _stopped_early(found, trainer):
        return False
    difference = _difference(found, options)
    if is_over and difference is not None:
        raise UsageError(
            f"{found.path} is at the end of its run{difference}: train longer with --trainer.max_epochs, or start a "
            "new run"
        )
    return difference is None


def _stopped_early(found: FoundCheckpoint, trainer: Any) -> bool:
    """Return whether an EarlyStopping ended the run at this checkpoint."""
    contents = found.contents
    epochs, step = finished_epochs(contents), contents["global_step"]
    if epochs < (trainer.min_epochs or 0) or step < (trainer.min_steps or 0):
        return False
    is_after_epoch = step % contents["torchnet"]["steps_per_epoch"] == 0
    for stopping in trainer.early_stopping_callbacks:
        state = contents["callbacks"].get(stopping.state_key)
        if state is None:
            continue
        if state["wait_count"] >= state["patience"]:
            stopped = state["wait_count"] >= stopping.patience
        else:  # by a threshold, if it stopped
            stopped = is_after_epoch and 0 < state["stopped_epoch"] == epochs - 1
        if stopped:
            return True
    return False


def _difference(found: FoundCheckpoint, options: Options) -> str | None:
    """Return the first difference between the training that a command asks for and that of the run, as words."""
    config = run_of(found.path) / CONFIG
    if not config.is_file():
        return ""
    arguments = [options.command, f"--config={config}", f"--ckpt_path={found.path}"]
    foreign: dict[str, Any] = {}

    def select(_: Path, values: dict[str, Any]) -> dict[str, Any]:
        known, others = known_part(values)
        foreign.update(others)
        return known

    was = dict(_training(Options(arguments, select, found).values)) | foreign
    for name, value in _training(options.values):
        if value != was.get(name):
            return f", which had {name} {was.get(name)}, not {value}"
    return None


def _training(values: Namespace) -> Iterator[tuple[str, Any]]:
    """Yield the options that decide what is trained."""
    for name, value in values.items():
        section, _, option = name.partition(".")
        is_length = section == "trainer" and option.rpartition("_")[2] in _LENGTHS
        if section in ("model", "data", "seed_everything") or is_length:
            yield name, value


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


def override_patience(checkpoint: dict[str, Any], callbacks: Iterable[Any]) -> None:
    """Give each EarlyStopping of a checkpoint the patience of this run, as other options are those of this run, too."""
    for callback in callbacks:
        if (state := checkpoint["callbacks"].get(callback.state_key)) is not None:
            state["patience"] = callback.patience
