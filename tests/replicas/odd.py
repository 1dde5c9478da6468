"""Callbacks that do something odd in one of the processes alone."""

import os
from typing import Any

import torch
from pytorch_lightning import Callback


class BitFlip(Callback):
    """Change the last bit of a weight in process 1, once.

    Args:
        step: after which step.
    """

    def __init__(self, step: int) -> None:
        self.step = step

    def steps_until_due(self, step: int) -> float:
        return self.step - step if step < self.step else float("inf")

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_rank == 1 and trainer.global_step == self.step:
            weight = pl_module.net.get_parameter("4.weight").view(-1)
            weight[5] = torch.nextafter(weight[5], torch.tensor(torch.inf, dtype=weight.dtype))


class StopInOne(Callback):
    """Ask process 1 alone to stop after the first block of steps."""

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        trainer.should_stop = trainer.global_rank == 1


class EndInSetup(Callback):
    """End process 1 when it has met the others and nothing is trained yet."""

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        if trainer.global_rank == 1:
            os._exit(3)
