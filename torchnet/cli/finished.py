"""A run that is at its end, and a command that asks to continue it."""

from collections.abc import Iterator
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


def is_over(found: FoundCheckpoint, trainer: Any) -> bool:
    """Return whether training up to these limits has nothing left to do after a verified checkpoint."""
    return any(0 <= limit <= done for _, limit, done in _limits(found, trainer))


def _limits(found: FoundCheckpoint, trainer: Any) -> list[tuple[str, int, int]]:
    epochs = -1 if trainer.max_epochs is None else trainer.max_epochs
    done = finished_epochs(found.contents), found.contents["global_step"]
    return [("max_epochs", epochs, done[0]), ("max_steps", trainer.max_steps, done[1])]


def expect_same_training(found: FoundCheckpoint, options: Options, trainer: Any) -> None:
    """Raise a UsageError unless a command that continues a finished run asks for the training that the run was."""
    for name, limit, done in _limits(found, trainer):
        if 0 <= limit < done:
            raise UsageError(
                f"{found.path} is after {name[4:-1]} {done}: expected more as --trainer.{name}, got {limit}"
            )
    config = run_of(found.path) / CONFIG
    if not config.is_file():
        raise UsageError(f"{found.path} is at the end of its run: train longer with --trainer.max_epochs")
    arguments = [options.command, f"--config={config}", f"--ckpt_path={found.path}"]
    was = dict(_training(Options(arguments, lambda _, values: known_part(values)[0], found).values))
    for name, value in _training(options.values):
        if value != was.get(name):
            raise UsageError(
                f"{found.path} is at the end of its run, which had {name} {was.get(name)}, not {value}: train longer "
                "with --trainer.max_epochs"
            )


def _training(values: Namespace) -> Iterator[tuple[str, Any]]:
    """Yield the options that decide what is trained."""
    for name, value in values.items():
        section, _, option = name.partition(".")
        if section in ("model", "data", "seed_everything") or (
            section == "trainer" and option.rpartition("_")[2] in _LENGTHS
        ):
            yield name, value
