"""The optimizer and gradient clipping, from the options that describe them."""

from collections.abc import Callable, Iterable
from functools import partial
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from torchnet.clipping import clip_by_norm, clip_by_value
from torchnet.optimizers import SGD

MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]


def optimizer_of(other: MakeOptimizer | None, sgd_options: dict[str, Any]) -> MakeOptimizer:
    """Return a function that makes the optimizer: torchnet.SGD with these options, or another optimizer."""
    if other is None:
        return partial(SGD, **sgd_options)
    for name, value in sgd_options.items():
        default = signature(SGD).parameters[name].default
        if value != default:
            raise ValueError(
                f"{name}: expected {default} with another optimizer, got {value}: it is an option of SGD; set it "
                f"back (--model.{name} {str(default).lower()}) and set that of the optimizer (--model.optimizer.{name} "
                f"{str(value).lower()})"
            )
    return other


def trial_of(make_optimizer: MakeOptimizer, net: nn.Module) -> Optimizer:
    """Return an optimizer over copies of the weights, after one step, so that one that does not work fails early."""
    copies = [nn.Parameter(weight.detach().clone(), requires_grad=False) for weight in net.parameters()]
    for copy in copies:
        copy.grad = torch.zeros_like(copy)
    optimizer = make_optimizer(copies)
    try:
        optimizer.step()
    except (TypeError, RuntimeError) as error:
        raise ValueError(
            f"optimizer: expected one that needs gradients only, but {type(optimizer).__name__} fails ({error})"
        ) from error
    return optimizer


def override_options(optimizer: Optimizer, asked: Optimizer, kept: Iterable[str]) -> None:
    """Give an optimizer the options of another one, except those to keep."""
    options = {name: value for name, value in asked.param_groups[0].items() if name not in kept}
    for group in optimizer.param_groups:
        group.update(options)


def clipping(norm: float | None, value: float | None) -> Callable[[Iterable[Tensor]], Any] | None:
    """Return a function that clips the gradients of weights, by their norm or by value; None for no clipping."""
    for name, bound in (("clip_norm", norm), ("clip_value", value)):
        if bound is not None and not bound > 0:
            raise ValueError(f"{name}: expected a number above 0, got {bound}")
    if norm is not None and value is not None:
        raise ValueError(f"clip_norm and clip_value: expected one of them, got {norm} and {value}")
    if norm is not None:
        return partial(clip_by_norm, max_norm=norm)
    return None if value is None else partial(clip_by_value, max_value=value)
