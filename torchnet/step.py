"""One training step: gather, scale, augment, forward, loss, backward, clip, update, average.

This is the only place where a step is written. The engine (torchnet/engine/) runs it eagerly or captures and replays
it; several processes run it on a shard of the mini-batch each. Everything faster is compared with it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from torchnet.averaging import WeightAverage
from torchnet.optimizers import options_set
from torchnet.replicas import GradientSum, Share


class Hooks(Protocol):
    """What somebody else does in the middle of a step, such as looking at the gradients."""

    def before_backward(self, loss: Tensor) -> None:
        """Called with the loss, before the backward pass overwrites the gradients of the last step."""

    def after_backward(self) -> None:
        """Called when every `.grad` is written, before clipping and the update."""


@dataclass(eq=False)
class Recipe:
    """What a training step works with; it stays the same from step to step.

    Attributes:
        net: an MLP, or another module with a hand-written `backward(grad_logits)`.
        loss: a function (logits, targets, divisor) -> (loss, grad_logits).
        optimizer: updates the weights of the network from their `.grad`.
        images: (n, ...) uint8, or the dtype of the weights: all training inputs, on the device of the weights.
        targets: (n,) int64, or (n, C) rows of the dtype of the weights, on the same device.
        augment: a function (images, step, start) -> images of the same shape. `start` is the place of the first image
            in the mini-batch.
        clip: a function that clips the gradients of weights in place.
        average: a moving average of the weights, updated after each step.
        gradient_sum: sums the gradients over several processes; None for a single process.
        hooks: called in the middle of each step, which must then run eagerly; None for no calls.
    """

    net: Any
    loss: Callable[..., tuple[Tensor, Tensor]]
    optimizer: torch.optim.Optimizer
    images: Tensor
    targets: Tensor
    augment: Callable[[Tensor, Tensor, int], Tensor] | None = None
    clip: Callable[[Iterable[Tensor]], Any] | None = None
    average: WeightAverage | None = None
    gradient_sum: GradientSum | None = None
    hooks: Hooks | None = None


@torch.no_grad()
def train_step(
    recipe: Recipe,
    indices: Tensor,
    step: Tensor,
    divisor: int | Tensor | None = None,
    share: Share | None = None,
    options: Sequence[Mapping[str, Any]] | None = None,
) -> Tensor:
    """Train on one mini-batch; return its loss.

    Args:
        recipe: the network, the loss, the optimizer and the data.
        indices: the samples of the mini-batch, as rows of `recipe.images`.
        step: the number of this step. Augmentation depends on it; so does dropout (`torchnet.layers.step_known`).
        divisor: what the loss divides the sum over samples by; None for the size of the mini-batch.
        share: the rows of the mini-batch that this process trains on; None for all of them. The divisor is then that
            of the whole mini-batch, and the returned loss is the part of these rows.
        options: for each group of the optimizer, options that override the group's in this step.

    Shape:
        indices: (N,) int64; step: () int64; returns: ().
    """
    loss = write_gradients(recipe, indices, step, divisor, share)
    update_weights(recipe, options)
    return loss


def write_gradients(
    recipe: Recipe, indices: Tensor, step: Tensor, divisor: int | Tensor | None = None, share: Share | None = None
) -> Tensor:
    """Do the first half of a step: everything before the update."""
    net, start = recipe.net, 0
    if share is not None:
        indices, start = indices[share.rows], share.start

    images = prepare_images(recipe, indices, pixel_dtype(recipe), step, start)  # gather, scale, augment
    targets = recipe.targets.index_select(0, indices)

    logits = net(images)  # forward
    loss, grad_logits = recipe.loss(logits, targets, divisor)
    if recipe.hooks is not None:
        recipe.hooks.before_backward(loss)
    if recipe.gradient_sum is None:
        net.backward(grad_logits)
    else:
        recipe.gradient_sum.backward(net, grad_logits)  # sums each layer's gradients over all processes meanwhile
    if recipe.hooks is not None:
        recipe.hooks.after_backward()

    if recipe.clip is not None:
        recipe.clip(net.parameters())
    return loss


def update_weights(recipe: Recipe, options: Sequence[Mapping[str, Any]] | None = None) -> None:
    """Do the second half of a step: the update of the weights, and of their average."""
    with options_set(recipe.optimizer, options):
        recipe.optimizer.step()
    if recipe.average is not None:
        recipe.average.update(recipe.net)


def prepare_images(recipe: Recipe, indices: Tensor, dtype: torch.dtype, step: Tensor, start: int = 0) -> Tensor:
    """Return the images of these samples as the network sees them in a step: gathered, scaled and augmented.

    Args:
        recipe: has the images and the augmentation.
        indices: the samples, (N,) int64.
        dtype: the dtype of the result.
        step: the number of the step.
        start: the place of the first sample in its mini-batch.
    """
    images = scale_pixels(recipe.images.index_select(0, indices), dtype)
    return images if recipe.augment is None else recipe.augment(images, step, start)


def scale_pixels(images: Tensor, dtype: torch.dtype) -> Tensor:
    """Return bytes, 0..255, as numbers of 0..1; other numbers were scaled when they were read."""
    return images.to(dtype) if images.is_floating_point() else images.to(dtype, copy=True).div_(255)


def pixel_dtype(recipe: Recipe) -> torch.dtype:
    """Return the dtype that pixels are scaled to.

    It is the dtype of the weights. If the first product rounds its operands anyway (matmul_dtype), pixels are rounded
    at once, with the same result.
    """
    weight: Tensor = next(recipe.net.parameters())
    rounded: torch.dtype | None = getattr(recipe.net, "matmul_dtype", None) if weight.dtype == torch.float32 else None
    return rounded if rounded is not None and recipe.augment is None else weight.dtype
