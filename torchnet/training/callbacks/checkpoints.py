"""Checkpoints: when the state of a run is saved, and what is saved.

What is saved is always the state between two steps, from which a resume is exact. A step is complete when its update,
its row in the logs, and the validation and the epoch end that follow it are done. So the state is copied when the next
step begins, or when training ends.
"""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from torchnet.printable import printable
from torchnet.reporting.run_files import METRICS, read_metrics
from torchnet.runs.environment import environment
from torchnet.runs.errors import NonFiniteError, UsageError
from torchnet.runs.folders import BEST, run_of, step_checkpoints
from torchnet.runs.signals import raise_if_stopped
from torchnet.state import first_nonfinite
from torchnet.storage import CheckpointError, plain, read_checkpoint, write_durably
from torchnet.training.callbacks.every_n_steps import steps_until_multiple
from torchnet.training.callbacks.metrics_log import MetricsLog
from torchnet.training.callbacks.throttle import Throttle
from torchnet.training.lightning_internals import Position, dump_state, restore_metrics, validation_is_due

FORMAT = 3  # the version of the contents; 1 had no "training step" in its environment, 1 and 2 no "preprocessing"
_COPY_SHARE = 0.005  # the largest share of a run's time that copies in memory may take


class Checkpoints(Callback):
    """Save the state of a run as step=<steps>.ckpt, and the state with the smallest validation loss as best.ckpt.

    The state is also saved when training ends, and when an error, Ctrl-C or SIGTERM ends it. In the latter case the
    last copy in memory is saved, as the error may have come in the middle of a step. A run that meets Inf or NaN, or a
    wrong gradient, saves nothing more. If several processes train together, the first one saves.

    Args:
        every_n_seconds: save if this time has passed since the last save; null for never.
        every_n_steps: save after every n-th step; null for never.
        every_n_epochs: save after every n-th epoch; null for never.
        keep: the number of newest checkpoints to keep, besides best.ckpt.

    Raises:
        ValueError: if a number is out of range; NonFiniteError, in training: if the state to save has Inf or NaN;
            OSError: if a checkpoint cannot be written.
    """

    def __init__(
        self,
        every_n_seconds: float | None = 10.0,
        every_n_steps: int | None = None,
        every_n_epochs: int | None = None,
        keep: int = 2,
    ) -> None:
        for name, least, value in (
            ("every_n_seconds", 0, every_n_seconds),
            ("every_n_steps", 1, every_n_steps),
            ("every_n_epochs", 1, every_n_epochs),
            ("keep", 1, keep),
        ):
            if value is not None and not value >= least:
                raise ValueError(f"{name}: expected a number from {least} up, got {value}")
        self.every_n_seconds, self.every_n_steps, self.every_n_epochs = every_n_seconds, every_n_steps, every_n_epochs
        self.keep = keep
        self.folder = Path()  # the command line sets these four
        self.preprocessing: dict[str, Any] = {}  # what turns samples into inputs, as plain values
        self.options: dict[str, Any] = {}  # options that must be equal in a run that resumes from this one
        self.resumed_from: Path | None = None
        self.best_score: float | None = None
        self.best_step = 0
        self.loaded: dict[str, Any] = {}
        self.newest: dict[str, Any] | None = None  # the last copy of the state
        self.copies = Throttle(_COPY_SHARE)
        self.first_step = self.seen_step = self.saved_step = 0
        self.best_is_due = self.cut = False

    def state_dict(self) -> dict[str, Any]:
        return {"best_score": self.best_score, "best_step": self.best_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best_score, self.best_step = state_dict["best_score"], state_dict["best_step"]

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self.loaded = checkpoint["torchnet"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.first_step, self.saved_at = trainer.global_step, time.monotonic()
        if trainer.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)
        if self.resumed_from is not None:
            restore_metrics(trainer, self.loaded["metrics"])
            if trainer.is_global_zero:
                self._take_over_history(trainer, self.resumed_from)
                self._take_over_best(self.resumed_from.parent / BEST)

    def steps_until_due(self, step: int) -> float:
        """Return how many steps the next block may have. Blocks end with epochs anyway."""
        return steps_until_multiple(step, self.every_n_steps)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._between_steps(trainer)  # before other callbacks see the epoch, which a resume starts again

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._between_steps(trainer)

    def _between_steps(self, trainer: Trainer) -> None:
        raise_if_stopped()
        step = trainer.global_step
        if step in (self.first_step, self.seen_step):
            return
        self.seen_step = step
        due = self._is_due(Position.of(trainer))
        if due or self.best_is_due:
            self._copy(trainer)
            self._save(trainer, due)
        elif self.copies.is_due:
            self._copy(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A run that is asked to stop within an epoch is validated once more. A resumed run trains the rest of the epoch
        # without that validation, so the saved state does not include it.
        if trainer.should_stop and not trainer.sanity_checking and not validation_is_due(trainer):
            self.cut = True
            self._copy(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking or self.cut:  # the former is of untrained weights, on a part of the validation set
            return
        score = trainer.callback_metrics["val/loss"].item()
        if self.best_score is None or score < self.best_score:
            self.best_score, self.best_step, self.best_is_due = score, trainer.global_step, True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # If max_steps or max_time ends an epoch early, other callbacks treat it as complete. This runs before them, so
        # that the saved state, from which the rest of the epoch is trained, does not include what they do.
        has_copy, self.cut = self.cut, trainer.global_step % Position.of(trainer).steps_per_epoch != 0
        if self.cut and not has_copy:
            self._copy(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self.cut:
            self._copy(trainer)
        self._save(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        if not isinstance(exception, ArithmeticError):
            with suppress(OSError, NonFiniteError):  # the exception says more
                self._save(trainer)

    def _is_due(self, position: Position) -> bool:
        step, epochs = position.step, self.every_n_epochs
        return (
            (self.every_n_steps is not None and step % self.every_n_steps == 0)
            or (epochs is not None and step % (position.steps_per_epoch * epochs) == 0)
            or (self.every_n_seconds is not None and time.monotonic() - self.saved_at >= self.every_n_seconds)
        )

    def _copy(self, trainer: Trainer) -> None:
        """Keep a copy of the state, between two steps. Replicas are equal, so the first process alone keeps one."""
        if not trainer.is_global_zero:
            return
        module: Any = trainer.lightning_module
        if (found := first_nonfinite(module.state.kept())) is not None:
            raise NonFiniteError(
                f"step {trainer.global_step}: {found} is not finite, and is not saved: try a smaller --model.lr"
            )
        position = Position.of(trainer)
        rows = sum(_kept_rows(trainer, log) for log in trainer.loggers if isinstance(log, MetricsLog))
        here = environment(trainer.strategy.root_device, trainer.world_size, module.way.order_of_sums)
        with self.copies.measured():
            self.newest = _plain_state(trainer) | {
                "epoch": position.epochs,
                "loops": position.loops(),
                "torchnet": {
                    "format": FORMAT,
                    "steps_per_epoch": position.steps_per_epoch,
                    "metrics": {name: value.item() for name, value in trainer.callback_metrics.items()},
                    "metrics_rows": rows,
                    "options": self.options,
                    "preprocessing": self.preprocessing,
                    "environment": here,
                },
            }

    def _save(self, trainer: Trainer, due: bool = True) -> None:
        """Write the copy: as best.ckpt if it is the best so far, as step=<steps>.ckpt if a save is due."""
        if self.newest is None:
            return
        step = self.newest["global_step"]
        for logger in trainer.loggers:
            logger.save()  # a checkpoint must not count more rows than are on the disk
        write = trainer.strategy.checkpoint_io.save_checkpoint
        if self.best_is_due and step == self.best_step:
            write(self.newest, self.folder / BEST)
            self.best_is_due = False
        if due and step != self.saved_step:
            write(self.newest, self.folder / f"step={step}.ckpt")
            self.saved_step, self.saved_at = step, time.monotonic()
            for old in step_checkpoints(self.folder)[self.keep :]:
                old.unlink()

    def _take_over_history(self, trainer: Trainer, checkpoint: Path) -> None:
        """Begin the logs with the rows that the checkpoint counts, so that they have each step once."""
        path, wanted = run_of(checkpoint) / METRICS, self.loaded["metrics_rows"]
        if wanted == 0 or not trainer.loggers:
            return
        try:
            rows = read_metrics(path, wanted)
        except (OSError, ValueError) as error:
            print(f"the logs start empty: {printable(error)}")
            return
        if len(rows) < wanted:
            print(f"the logs begin with {len(rows)} rows: expected {wanted} in {printable(path)}")
        for row in rows:
            step = int(row.pop("step"))
            for logger in trainer.loggers:
                logger.log_metrics(row, step)

    def _take_over_best(self, best: Path) -> None:
        """Copy the best checkpoint so far into the folder of this run.

        If the old run has since replaced it by one from a later step, the best score starts anew.
        """
        try:
            if best.is_file() and read_checkpoint(best)["global_step"] == self.best_step:
                write_durably(self.folder / BEST, best.read_bytes())
                return
        except CheckpointError as error:
            print(f"the best checkpoint is not copied: {printable(error)}")
        self.best_score, self.best_step = None, 0


def _kept_rows(trainer: Any, log: MetricsLog) -> int:
    """Return the number of rows without one that was logged only because training was asked to stop at this step."""
    by_stop = (
        trainer.should_stop and trainer.global_step % trainer.log_every_n_steps != 0 and "train/step_loss" in log.last
    )
    return log.rows - int(by_stop)


def _plain_state(trainer: Trainer) -> dict[str, Any]:
    """Return a copy of the state of a run, as Lightning would save it."""
    try:
        return plain(dump_state(trainer), "state")
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"step {trainer.global_step}: a checkpoint cannot hold what a callback returns: {error}"
        ) from error
