"""The check of the gradients that a run follows, while it follows them."""

import copy
import math
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from torchnet.checking import GradientError
from torchnet.checking.forms import as_subject
from torchnet.checking.oracles import NoOracleError
from torchnet.checking.precision import precision_of
from torchnet.checking.subject import Subject, Tensors
from torchnet.data import Block
from torchnet.engine.matmul_precision import float32_products
from torchnet.layers import set_step
from torchnet.runs.errors import UsageError


class GradientCheck(Callback):
    """Compare the gradients of a training step with autograd's in float64, and stop the run if they are wrong.

    Args:
        every_n_steps: check the first step and then every n-th; 0 checks none.

    Raises:
        ValueError: if every_n_steps is negative; GradientError, in training: if a gradient is wrong or cannot be told.
    """

    def __init__(self, every_n_steps: int = 0) -> None:
        if every_n_steps < 0:
            raise ValueError(f"every_n_steps: expected a whole number from 0 (never) up, got {every_n_steps}")
        self.every_n_steps = every_n_steps
        self._before: nn.Module | None = None
        self._steps, self._worst = 0, 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self._steps, "worst": self._worst}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._steps, self._worst = state_dict["steps"], state_dict["worst"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.every_n_steps > 0 and pl_module.device.type == "mps":
            raise UsageError("gradient_check: this GPU has no float64: choose --trainer.accelerator cpu")

    def steps_until_due(self, step: int) -> float:
        """Return how many steps there are to the next that is checked; that one is a block of its own."""
        if self.every_n_steps == 0:
            return math.inf
        return self.every_n_steps - step % self.every_n_steps if step % self.every_n_steps else 1

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Block, batch_idx: int) -> None:
        if self.every_n_steps > 0 and trainer.global_step % self.every_n_steps == 0:
            # The network as it is now: a backward that changes weights before it is done with them is to be noticed.
            self._before = copy.deepcopy(pl_module.net)
            set_step(self._before, trainer.global_step)
            pl_module.engine.keep_unclipped()

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Block, batch_idx: int) -> None:
        if self._before is None:
            return
        net, self._before = self._before, None
        engine = pl_module.engine
        written = engine.unclipped or {name: weight.grad for name, weight in pl_module.net.named_parameters()}
        loss = partial(pl_module.loss, divisor=batch.divisor)
        upstream = (torch.ones((), dtype=pl_module.weight_dtype, device=pl_module.device),)
        # With products as the step has them: beside an autograd that rounds less, a right gradient would look wrong.
        with torch.no_grad(), float32_products(engine.images.device, engine.tf32):
            images = engine.inputs(batch.indices, pl_module.weight_dtype, engine.step - 1)  # the step is over
            network = as_subject(net, (images, engine.targets[batch.indices]), loss)
            subject = _of_weights(network, written)
            for name, gradient in written.items():
                if gradient is None or gradient.shape != subject.tensors[name].shape:
                    raise GradientError(f"step {trainer.global_step}: the gradient of {name} is missing")
            try:
                precisions = precision_of(subject, upstream, written)
            except NoOracleError as error:
                raise GradientError(
                    f"step {trainer.global_step}: the gradients cannot be checked ({error}): try a smaller --model.lr, "
                    "or leave out --gradient_check.every_n_steps"
                ) from error
        name, worst = max(precisions.items(), key=lambda item: (not item[1].passed, item[1].error))
        self._steps, self._worst = self._steps + 1, max(self._worst, worst.error)
        if not worst.passed:
            raise GradientError(
                f"step {trainer.global_step}: the gradient of {name} is wrong: it is off by {worst.error:.1e} of "
                f"its norm, autograd in {worst.dtype} by at most {worst.autograd_error:.1e}. The run ends with it. "
                "Which kind of mistake it is: python -m torchnet check --config, with the configuration of this run"
            )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._steps > 0:
            print(f"gradients checked at {self._steps} steps: right; largest error {self._worst:.1e} of the norm")


def _of_weights(network: Subject, written: dict[str, Tensor | None]) -> Subject:
    """Return the network as a function of its weights alone, with gradients that are already written."""
    images = {name: tensor for name, tensor in network.tensors.items() if name not in written}

    def to(dtype: torch.dtype) -> Tensors:
        return {name: tensor.to(dtype) for name, tensor in images.items()}

    return replace(
        network,
        tensors={name: tensor for name, tensor in network.tensors.items() if name in written},
        forward=lambda tensors: network.forward(tensors | to(next(iter(tensors.values())).dtype)),
    )
