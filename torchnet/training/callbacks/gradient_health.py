"""The health of gradients in the logs of a run."""

import copy
import math
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn

from torchnet.data import Block
from torchnet.engine.matmul_precision import float32_products
from torchnet.health import gradient_health
from torchnet.layers import set_step


class GradientHealth(Callback):
    """Log how gradients fare in each layer: their norm, the ratio of updates, and what is saturated or dead.

    What is logged is explained in `torchnet.health.gradient_health`. It is gathered on the device, and read once.

    Args:
        every_n_steps: look at the first step and then every n-th; 0 looks at none.

    Raises:
        ValueError: if every_n_steps is negative.
    """

    def __init__(self, every_n_steps: int = 100) -> None:
        if every_n_steps < 0:
            raise ValueError(f"every_n_steps: expected a whole number from 0 (never) up, got {every_n_steps}")
        self.every_n_steps = every_n_steps
        self.before: nn.Module | None = None  # a copy of the network, which takes up its weights before such a step

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        self.looks = self.every_n_steps > 0 and bool(trainer.loggers)
        if self.looks:
            self.before = copy.deepcopy(pl_module.net)

    def steps_until_due(self, step: int) -> float:
        """Return how many steps there are to the next that is looked at; that one is a block of its own."""
        if not self.looks:
            return math.inf
        return self.every_n_steps - step % self.every_n_steps if step % self.every_n_steps else 1

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Block, batch_idx: int) -> None:
        self.is_due = self.looks and trainer.global_step % self.every_n_steps == 0
        if self.is_due and self.before is not None:
            self.before.load_state_dict(pl_module.net.state_dict())
            set_step(self.before, trainer.global_step)
            pl_module.engine.keep_unclipped()

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Block, batch_idx: int) -> None:
        if not self.is_due or self.before is None:
            return
        engine = pl_module.engine
        gradients = engine.unclipped or {name: weight.grad for name, weight in pl_module.net.named_parameters()}
        with torch.no_grad(), float32_products(engine.images.device, engine.tf32):
            images = engine.inputs(batch.indices, pl_module.weight_dtype, engine.step - 1)  # the step is over
            found = gradient_health(self.before, images, gradients, pl_module.net)
            values = torch.stack(list(found.values())).tolist()
        # A ratio to weights that are all zero is none.
        finite = {name: value for name, value in zip(found, values, strict=True) if math.isfinite(value)}
        for logger in trainer.loggers:
            logger.log_metrics({"epoch": trainer.current_epoch, **finite}, trainer.global_step - 1)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.before = None
