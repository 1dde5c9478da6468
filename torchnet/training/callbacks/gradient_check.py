"""The check of gradients during training."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor

from torchnet.data import Block
from torchnet.runs.errors import UsageError
from torchnet.training.callbacks.every_n_steps import StepInspector

if TYPE_CHECKING:
    from torchnet.checking.subjects.subject import Subject, Tensors


# A fused step with rounded operands rounds other numbers than autograd does, to two or three digits: what is left of
# their error in a sum differs by chance. On average the fused step's is smaller.
_MARGIN = 4


class GradientCheck(StepInspector):
    """Compare the gradients of a training step with autograd's in float64; stop the run if one is wrong.

    Args:
        every_n_steps: check the first step and then every n-th; 0 checks no step.

    Raises:
        ValueError: if every_n_steps is negative; GradientError, in training: if a gradient is wrong or cannot be
            checked.
    """

    def __init__(self, every_n_steps: int = 0) -> None:
        super().__init__(every_n_steps)
        self._steps, self._worst = 0, 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self._steps, "worst": self._worst}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._steps, self._worst = state_dict["steps"], state_dict["worst"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.every_n_steps > 0 and pl_module.device.type == "mps":
            raise UsageError("gradient_check: this GPU has no float64: choose --trainer.accelerator cpu")

    def inspect(self, trainer: Trainer, pl_module: Any, batch: Block, images: Tensor, grads: Mapping[str, Any]) -> None:
        from torchnet.checking import GradientError
        from torchnet.checking.oracles.autograd import NoOracleError
        from torchnet.checking.precision import precision_of
        from torchnet.checking.subjects.forms import as_subject

        step = trainer.global_step
        targets = pl_module.engine.recipe.targets[batch.indices]
        network = as_subject(self.before, (images, targets), partial(pl_module.loss, divisor=batch.divisor))
        subject = _of_weights(network, grads)
        for name, gradient in grads.items():
            if gradient is None or gradient.shape != subject.tensors[name].shape:
                raise GradientError(f"step {step}: the gradient of {name} is missing")
        upstream = (torch.ones((), dtype=pl_module.weight_dtype, device=pl_module.device),)
        try:
            precisions = precision_of(subject, upstream, dict(grads))
        except NoOracleError as error:
            raise GradientError(
                f"step {step}: the gradients cannot be checked ({error}): try a smaller --model.lr, or leave out "
                "--gradient_check.every_n_steps"
            ) from error
        if pl_module.way.name == "fused" and pl_module.matmul_dtype is not None:
            precisions = {
                name: replace(it, autograd_error=_MARGIN * it.autograd_error) for name, it in precisions.items()
            }
        name, worst = max(precisions.items(), key=lambda item: (not item[1].passed, item[1].error))
        self._steps, self._worst = self._steps + 1, max(self._worst, worst.error)
        if not worst.passed:
            raise GradientError(
                f"step {step}: the gradient of {name} is wrong: it is off by {worst.error:.1e} of its norm, autograd "
                f"in {worst.dtype} by at most {worst.autograd_error:.1e}. The run stops. To find the kind of mistake: "
                "python -m torchnet check --config, with the configuration of this run"
            )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_end(trainer, pl_module)
        if self._steps > 0:
            print(f"gradients checked at {self._steps} steps: right; largest error {self._worst:.1e} of the norm")


def _of_weights(network: "Subject", written: Mapping[str, Any]) -> "Subject":
    """Return the network as a function of its weights alone, for gradients that are already written."""
    images = {name: tensor for name, tensor in network.tensors.items() if name not in written}

    def to(dtype: torch.dtype) -> "Tensors":
        return {name: tensor.to(dtype) for name, tensor in images.items()}

    return replace(
        network,
        tensors={name: tensor for name, tensor in network.tensors.items() if name in written},
        forward=lambda tensors: network.forward(tensors | to(next(iter(tensors.values())).dtype)),
    )
