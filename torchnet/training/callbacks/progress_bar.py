"""The progress bar of training: one bar for the whole run, in steps."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class StepProgressBar(Callback):
    """Show the epoch, the completed steps of all steps, steps per second, the elapsed and the remaining time.

    Lightning's own bar restarts at each epoch and counts epochs from zero; the printed losses count them from one.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        limits = [trainer.max_steps] if trainer.max_steps >= 0 else []
        self.epochs = ""
        if trainer.max_epochs is not None and trainer.max_epochs >= 0:
            limits.append(int(trainer.max_epochs * trainer.num_training_batches))
            self.epochs = f" of {trainer.max_epochs}"
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("elapsed"),
            TimeRemainingColumn(),
            TextColumn("left"),
            transient=True,
        )
        self.task = self.progress.add_task(
            "training", total=min(limits, default=None), completed=trainer.global_step, rate=""
        )
        self.progress.start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        speed = self.progress.tasks[0].speed
        self.progress.update(
            self.task,
            description=f"epoch {trainer.current_epoch + 1}{self.epochs}",
            completed=trainer.global_step,
            rate=f"{speed:.0f}/s" if speed else "",
        )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.progress.stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        if hasattr(self, "progress"):  # an exception may come before training starts
            self.progress.stop()
