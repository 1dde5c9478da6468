"""The progress bar of training: one bar for the whole run, in steps."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from torchnet.training.callbacks.epoch_line import EpochLine, shown
from torchnet.training.lightning_internals import last_epoch, last_step


class StepProgressBar(Callback):
    """Show the epoch, the loss of the last step, the newest score, steps per second and the remaining time.

    Lightning's own bar restarts at each epoch and counts epochs from zero; the printed lines count them from one.

    Args:
        epoch_line: the callback that has the newest score.
    """

    def __init__(self, epoch_line: EpochLine) -> None:
        self.epoch_line = epoch_line

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        last = last_epoch(trainer)
        self.epochs = "" if last is None else f"/{last}"
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(None),
            TextColumn("{task.fields[values]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            transient=True,
            expand=True,
        )
        self.task = self.progress.add_task(
            "training",
            total=last_step(trainer),
            completed=trainer.global_step,
            values="",
        )
        self.progress.start()

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        speed, newest = self.progress.tasks[0].speed, self.epoch_line.newest
        values = [f"loss {shown(outputs['loss'].item())}"]
        values += [] if newest is None else [f"{newest.split} {pl_module.score_title} {newest.score:.4f}"]
        values += [f"{speed:.0f} steps/s"] if speed else []
        self.progress.update(
            self.task,
            description=f"epoch {trainer.current_epoch + 1}{self.epochs}",
            completed=trainer.global_step,
            values=", ".join(values),
        )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.progress.stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        if hasattr(self, "progress"):  # an exception may come before training starts
            self.progress.stop()
