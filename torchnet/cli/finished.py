"""A run that is at its end, and a command that asks to continue it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from torchnet.cli.foreign_config import known_part
from torchnet.cli.options import Options
from torchnet.runs.errors import UsageError
from torchnet.runs.folders import CONFIG, FoundCheckpoint, run_of
from torchnet.training.resume_checks import finished_epochs

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
