"""A callback that asks training to stop after a step, as Lightning's Timer does after some time."""

from typing import Any

from pytorch_lightning import Callback, Trainer


class StopAt(Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        if trainer.global_step == self.step:
            trainer.should_stop = True
