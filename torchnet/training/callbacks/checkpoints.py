"""When a run is saved, and what of it: always the state between two steps, from which a resume is exact.

A step is over when all that belongs to it is: its update, its row in the logs, the validation and the end of the epoch
that follow it. So the state is looked at when the next step begins, or when training ends.
"""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from torchnet.reporting.metrics import METRICS, read_metrics
from torchnet.runs.environment import environment
from torchnet.runs.errors import NonFiniteError
from torchnet.runs.folders import BEST, run_of, step_checkpoints
from torchnet.runs.signals import raise_if_stopped
from torchnet.storage import CheckpointError, plain, read_checkpoint, write_durably
from torchnet.training.callbacks.metrics_log import MetricsLog
from torchnet.training.position import Position

FORMAT = 1  # of what a checkpoint holds
_COPY_SHARE = 0.005  # of the time of a run, the most that copies in memory may take


class Checkpoints(Callback):
    """Save the state of a run as step=<steps>.ckpt, and the one with the smallest validation loss as best.ckpt.

    Besides the times asked for it is saved when training ends, and when an error, Ctrl-C or SIGTERM ends it: what is
    saved then is the last copy in memory, as an error may have come in the middle of a step. A run that meets infinite
    numbers or wrong gradients is left as it was last saved. Of processes that train together, the first one saves.

    Args:
        every_n_seconds: save when so much time has passed since the last save; null for never.
        every_n_steps: save after so many steps; null for never.
        every_n_epochs: save after so many epochs; null for never.
        keep: how many of the newest ones are kept, best.ckpt beside them.

    Raises:
        ValueError: if a number is not one that works; NonFiniteError, while training: if what is to be saved is not
            finite; OSError: if it cannot be written.
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
        self.folder = Path()  # these three are known to the command line alone
        self.options: dict[str, Any] = {}  # what a run must have in common with the one that it goes on from
        self.resumed_from: Path | None = None
        self.best_score: float | None = None
        self.best_step = 0
        self.loaded: dict[str, Any] = {}
        self.newest: dict[str, Any] | None = None  # copy of the state
        self.first_step = self.saved_step = 0
        self.best_is_due = self.cut = False
        self.copied_at = self.copy_seconds = 0.0

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
            trainer._logger_connector._callback_metrics.update(  # early stopping may look at them before they are new
                {name: torch.tensor(value) for name, value in self.loaded["metrics"].items()}
            )
            if trainer.is_global_zero:
                self._take_over_history(trainer, self.resumed_from)
                self._take_over_best(self.resumed_from.parent / BEST)

    def steps_until_due(self, step: int) -> float:
        """Return how many steps there are to the next save after a number of steps; epochs end blocks anyway."""
        return float("inf") if self.every_n_steps is None else self.every_n_steps - step % self.every_n_steps

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        raise_if_stopped()
        step = trainer.global_step
        if step in (self.first_step, self.saved_step):
            return
        due = self._is_due(Position.of(trainer))
        if due or self.best_is_due:
            self._copy(trainer)
            self._save(trainer, due)
        elif time.monotonic() - self.copied_at > self.copy_seconds / _COPY_SHARE:
            self._copy(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        score = trainer.callback_metrics["val/loss"].item()
        if self.best_score is None or score < self.best_score:
            self.best_score, self.best_step, self.best_is_due = score, trainer.global_step, True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # This comes before other callbacks: to them an epoch that is cut short, by max_steps or max_time, looks whole,
        # and what they make of it must not be in the state from which the rest of it is trained.
        self.cut = trainer.global_step % Position.of(trainer).steps_per_epoch != 0
        if self.cut:
            self._copy(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self.cut:
            self._copy(trainer)
        self._save(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        if not isinstance(exception, ArithmeticError):
            with suppress(OSError, NonFiniteError):  # there is an error already that says more
                self._save(trainer)

    def _is_due(self, position: Position) -> bool:
        step, epochs = position.step, self.every_n_epochs
        return (
            (self.every_n_steps is not None and step % self.every_n_steps == 0)
            or (epochs is not None and step % (position.steps_per_epoch * epochs) == 0)
            or (self.every_n_seconds is not None and time.monotonic() - self.saved_at >= self.every_n_seconds)
        )

    def _copy(self, trainer: Trainer) -> None:
        """Keep a copy of the state as it is, between two steps; of equal replicas, the first process keeps it."""
        if not trainer.is_global_zero:
            return
        self.copied_at, is_first = time.monotonic(), self.newest is None
        position = Position.of(trainer)
        log = _metrics_log(trainer)
        self.newest = plain(trainer._checkpoint_connector.dump_checkpoint(weights_only=False)) | {
            "epoch": position.epochs,
            "loops": position.loops(),
            "torchnet": {
                "format": FORMAT,
                "steps_per_epoch": position.steps_per_epoch,
                "metrics": {name: value.item() for name, value in trainer.callback_metrics.items()},
                "metrics_rows": 0 if log is None else log.rows,
                "options": self.options,
                "environment": environment(trainer.strategy.root_device, trainer.world_size),
            },
        }
        # The first copy takes longer than others, and would put off the second one for long.
        self.copy_seconds = 0.0 if is_first else time.monotonic() - self.copied_at

    def _save(self, trainer: Trainer, due: bool = True) -> None:
        """Write the copy: as the best so far if it is that, as the newest if a save is due."""
        if self.newest is None:
            return
        step = self.newest["global_step"]
        for name, tensor in _tensors(self.newest):
            if not tensor.isfinite().all():
                raise NonFiniteError(f"step {step}: {name} is not finite, and is not saved: try a smaller --model.lr")
        for logger in trainer.loggers:
            logger.save()  # or a checkpoint could have more rows behind it than are on the disk
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
        """Begin the logs with the rows that the checkpoint has behind it, so that they hold each step once."""
        path, wanted = run_of(checkpoint) / METRICS, self.loaded["metrics_rows"]
        if wanted == 0 or not trainer.loggers:
            return
        try:
            rows = read_metrics(path, wanted)
        except (OSError, ValueError) as error:
            print(f"the logs begin anew: {path} cannot be read ({error})")
            return
        if len(rows) < wanted:
            print(f"the logs begin with {len(rows)} rows: expected {wanted} in {path}")
        for row in rows:
            step = int(row.pop("step"))
            for logger in trainer.loggers:
                logger.log_metrics(row, step)

    def _take_over_best(self, best: Path) -> None:
        """Copy the best checkpoint so far into the folder of this run; its score stays the one to beat.

        Unless the old run has since replaced it by a better one, from behind the point of the resume.
        """
        try:
            if best.is_file() and read_checkpoint(best)["global_step"] == self.best_step:
                write_durably(self.folder / BEST, best.read_bytes())
                return
        except CheckpointError as error:
            print(f"the best checkpoint is not taken over: {error}")
        self.best_score, self.best_step = None, 0


def _metrics_log(trainer: Trainer) -> MetricsLog | None:
    return next((logger for logger in trainer.loggers if isinstance(logger, MetricsLog)), None)


def _tensors(state: dict[str, Any]) -> list[tuple[str, Tensor]]:
    """Return all tensors that a step changes, with names that say where they are."""
    named = list(state["state_dict"].items())
    for optimizer in state["optimizer_states"]:
        for number, kept in optimizer["state"].items():
            named += [(f"{name} of weight {number}", value) for name, value in kept.items()]
    return [(name, value) for name, value in named if isinstance(value, Tensor)]
