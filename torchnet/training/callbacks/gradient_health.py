"""The health of gradients in the logs of a run."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor, nn

from torchnet.data import Block
from torchnet.health import gradient_health
from torchnet.training.callbacks.every_n_steps import StepInspector


class GradientHealth(StepInspector):
    """Log the health of the gradients in each layer: norms, update ratios, saturated and dead units.

    `torchnet.health.gradient_health` defines what is logged. It is computed on the device and read once.

    Args:
        every_n_steps: log at the first step and then every n-th; 0 logs at no step.

    Raises:
        ValueError: if every_n_steps is negative.
    """

    def __init__(self, every_n_steps: int = 100) -> None:
        super().__init__(every_n_steps)
        self.has_loggers = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.has_loggers = bool(trainer.loggers)

    def is_due(self, step: int) -> bool:
        return self.has_loggers and super().is_due(step)

    def inspect(self, trainer: Trainer, pl_module: Any, batch: Block, images: Tensor, grads: Mapping[str, Any]) -> None:
        assert isinstance(self.before, nn.Module)
        found = gradient_health(self.before, images, grads, pl_module.net)
        values = torch.stack(list(found.values())).tolist()
        # The update ratio of weights that are all zero is not finite.
        finite = {name: value for name, value in zip(found, values, strict=True) if math.isfinite(value)}
        for logger in trainer.loggers:
            logger.log_metrics({"epoch": trainer.current_epoch, **finite}, trainer.global_step - 1)
