"""Callbacks that act at every n-th step."""

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from torchnet.data import Block
from torchnet.engine.matmul_precision import float32_products
from torchnet.layers import set_step
from torchnet.step import prepare_images


def steps_until_multiple(step: int, n: int | None) -> float:
    """Return how many steps are left until the number of completed steps is a multiple of n; infinite without an n."""
    return n - step % n if n else math.inf


class StepInspector(Callback):
    """Base of callbacks that inspect the first step and every n-th after it. Such a step is a separate block.

    Args:
        every_n_steps: n; 0 inspects no step.

    Raises:
        ValueError: if every_n_steps is negative.
    """

    def __init__(self, every_n_steps: int) -> None:
        if every_n_steps < 0:
            raise ValueError(f"every_n_steps: expected a whole number from 0 (never) up, got {every_n_steps}")
        self.every_n_steps = every_n_steps
        self.before: nn.Module | None = None  # the network as it was before the step

    def inspect(self, trainer: Trainer, pl_module: Any, batch: Block, images: Tensor, grads: Mapping[str, Any]) -> None:
        """Look at a completed step; `self.before` is the network before it.

        `images` are those that the network saw, and `grads` the gradients as backward wrote them, before clipping.
        """
        raise NotImplementedError

    def is_due(self, step: int) -> bool:
        """Return whether the step with this number, from 0, is inspected."""
        return self.every_n_steps > 0 and step % self.every_n_steps == 0

    def steps_until_due(self, step: int) -> float:
        """Return how many steps the next block may have."""
        return 1 if self.is_due(step) else steps_until_multiple(step, self.every_n_steps)

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Block, batch_idx: int) -> None:
        self.inspects = self.is_due(trainer.global_step)
        if self.inspects:
            if self.before is None:
                self.before = copy.deepcopy(pl_module.net)
            self.before.load_state_dict(pl_module.net.state_dict())
            set_step(self.before, trainer.global_step)
            pl_module.engine.keep_unclipped()

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Block, batch_idx: int) -> None:
        if not self.inspects:
            return
        engine = pl_module.engine
        grads = engine.unclipped or {name: weight.grad for name, weight in pl_module.net.named_parameters()}
        with torch.no_grad(), float32_products(engine.recipe.images.device, engine.tf32):
            step = engine.step - 1  # the number of the step, which is completed
            images = prepare_images(engine.recipe, batch.indices, pl_module.weight_dtype, step)
            self.inspect(trainer, pl_module, batch, images, grads)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.before = None
