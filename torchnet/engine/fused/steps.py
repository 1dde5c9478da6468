"""The fused step of a device, tried before it is used and compared with the plain step once."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from torchnet.engine.fused.cpu import CpuSteps
from torchnet.engine.fused.description import FusedStepError, NotFusedError, describe
from torchnet.optimizers import SGD
from torchnet.state import TrainingState
from torchnet.step import Recipe, train_step

_COMPARED_STEP = 2  # the third; its momentum has a past
_MOST_SAMPLES = 4096  # of a mini-batch in a trial
# The largest distance from the plain step, as a share of what the step changes. A wrong sign or factor makes it about
# 1; in float32 rounding makes it about 1e-6, and more where the gradients of the samples nearly cancel.
_TOLERANCE, _ROUNDED_TOLERANCE = 1e-3, 0.25


class Steps(Protocol):
    """Blocks of steps in one call."""

    def run(self, order: Tensor, options: Tensor, divisor: int | None, has_momentum: bool) -> Tensor:
        """Run one step per row of samples; return their losses. See CpuSteps.run."""


class FusedSteps:
    """The fused step of the device that the weights are on. The third step is taken both ways and compared.

    Args:
        recipe: what it works with.
        tf32: let a GPU round the operands of float32 products to TF32.
        notice: called with a sentence if something has to be compiled first.

    Raises:
        NotFusedError: if there is none for this recipe, or none that works here.
    """

    def __init__(self, recipe: Recipe, tf32: bool = False, notice: Callable[[str], None] = lambda text: None) -> None:
        self.recipe, self.taken = recipe, 0
        self.steps = _steps(recipe, tf32, notice)
        self.tolerance = _ROUNDED_TOLERANCE if tf32 or recipe.net.matmul_dtype is not None else _TOLERANCE

    def run(self, order: Tensor, options: Tensor, divisor: int | None, has_momentum: bool) -> Tensor:
        """Run one step per row of samples; return their losses.

        The arguments are those of `CpuSteps.run`.

        Raises:
            FusedStepError: if the third step differs from the plain step by more than rounding.
        """
        if self.taken > _COMPARED_STEP:
            return self.steps.run(order, options, divisor, has_momentum)
        losses = []
        for of_step, numbers in zip(order.split(1), options.split(1), strict=True):
            if self.taken == _COMPARED_STEP:
                losses.append(self._compare(of_step, numbers, divisor, has_momentum))
            else:
                losses.append(self.steps.run(of_step, numbers, divisor, has_momentum))
            self.taken += 1
        return torch.cat(losses)

    def _compare(self, order: Tensor, options: Tensor, divisor: int | None, has_momentum: bool) -> Tensor:
        """Run a step plainly, undo it, run it fused, and compare what they leave behind."""
        recipe = self.recipe
        state = TrainingState(recipe.net, recipe.optimizer)
        before = state.snapshot()
        lr, momentum = options[0].tolist()
        counter = torch.zeros((), dtype=torch.int64, device=order.device)  # nothing random happens in these steps
        loss = train_step(recipe, order[0], counter, divisor, options=[{"lr": lr, "momentum": momentum}])
        plain = {"the loss": loss[None], **state.snapshot()}
        state.restore(before)
        losses = self.steps.run(order, options, divisor, has_momentum)
        for name, found in {"the loss": losses, **state.kept()}.items():
            expected, change = plain[name], plain[name] - before.get(name, torch.zeros_like(plain[name]))
            allowed = self.tolerance * change.norm() + 8 * torch.finfo(expected.dtype).eps * expected.norm()
            distance = (found - expected).norm()
            if bool(expected.isfinite().all()) and not bool(distance <= allowed):
                raise FusedStepError(
                    f"the fused step differs from the plain one: {name} by {distance.item():.1e} of "
                    f"{change.norm().item():.1e}; train with --model.step captured"
                )
        return losses


def _steps(recipe: Recipe, tf32: bool, notice: Callable[[str], None]) -> Steps:
    description = describe(recipe)
    if recipe.images.device.type == "cpu":
        return CpuSteps(description, recipe, notice)
    if recipe.images.device.type == "cuda":
        from torchnet.engine.fused.gpu import GpuSteps  # imports Triton

        return GpuSteps(description, recipe, tf32)
    raise NotFusedError(f"there is none for the device {recipe.images.device.type}")


def try_fused_steps(
    recipe: Recipe, tf32: bool = False, notice: Callable[[str], None] = lambda text: None, batch_size: int = 1
) -> None:
    """Run a few fused steps on a copy of the network, on images that are none, and compare one with the plain step.

    Raises:
        NotFusedError: if there is none for this recipe, or none that works here.
    """
    describe(recipe)
    net = copy.deepcopy(recipe.net)
    optimizer = SGD(net.parameters())
    optimizer.param_groups[0].update({k: v for k, v in recipe.optimizer.param_groups[0].items() if k != "params"})
    images = torch.arange(2 * recipe.images[0].numel(), device=recipe.images.device).to(torch.uint8)
    images = images.view(2, *recipe.images.shape[1:])
    targets = recipe.targets.new_zeros((2, *recipe.targets.shape[1:]))
    samples = min(batch_size, _MOST_SAMPLES)
    order = torch.arange((_COMPARED_STEP + 1) * samples, device=images.device).view(-1, samples) % 2
    options = torch.tensor([[1e-2, optimizer.param_groups[0]["momentum"]]], device=images.device)
    try:
        steps = FusedSteps(replace(recipe, net=net, optimizer=optimizer, images=images, targets=targets), tf32, notice)
        steps.run(order, options.expand(len(order), 2), None, bool(options[0, 1] != 0))
    except (NotFusedError, FusedStepError) as error:
        raise NotFusedError(str(error)) from error
    except Exception as error:  # whatever a compiler or a driver may raise: the plain step works without it
        raise NotFusedError(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error
