"""Gradient health: gradient norms, update ratios, saturated activations and dead units, per layer."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from torchnet.layers import (
    CELU,
    ELU,
    GELU,
    SELU,
    AdaptiveAvgPool2d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    Dropout,
    Flatten,
    Hardswish,
    Hardtanh,
    Layer,
    LeakyReLU,
    Linear,
    LogSigmoid,
    MaxPool2d,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Tanh,
)

_WEIGHTED = (Linear, Conv1d, Conv2d)
# Layers without weights that are no activations either.
_OTHERS = (Dropout, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, Flatten)

# Activations that saturate on both sides, with their largest slope, and activations that may be flat on one side. ReLU6
# is one of those: like ReLU, it is meant to be flat below zero.
_STEEPEST: dict[type[nn.Module], float] = {Sigmoid: 0.25, Tanh: 1.0, Hardtanh: 1.0, Softsign: 1.0}
_ONE_SIDED: tuple[type[nn.Module], ...] = (
    *(ReLU, ReLU6, LeakyReLU, PReLU),
    *(ELU, CELU, SELU, GELU, SiLU, Hardswish, Mish, Softplus, LogSigmoid),
)
_FLAT = 0.1  # saturated: the slope is below this fraction of the largest slope
_DEAD = 0.01  # dead: the slope is below this; the default slope of LeakyReLU is exactly this, so it is never dead


@torch.no_grad()
def gradient_health(
    before: nn.Module, x: Tensor, gradients: Mapping[str, Tensor], after: nn.Module
) -> dict[str, Tensor]:
    """Return measures of one training step for each linear or convolutional layer, numbered from 1 at the input.

        gradient_norm/layer_l    ‖∂L/∂W‖ of the weight W, without the bias
        update_ratio/layer_l     ‖W' - W‖ / ‖W‖, how far the step moves the weight, relative to its norm
        saturated/layer_l        for an activation that is flat on both sides, such as sigmoid or tanh, after the layer:
                                 the fraction of its outputs, over units and samples, whose slope is below a tenth of
                                 the largest slope
        dead/layer_l             for any other activation after the layer: the fraction of units whose slope is below
                                 0.01 for every sample, so that hardly any gradient reaches their weights; a unit of a
                                 convolution is a channel, and its slope must be below 0.01 at every position, too

    The slopes are computed by each activation's own backward from an upstream gradient of ones.

    Args:
        before: a copy of the network before the step, in training mode; its running statistics are updated.
        x: the input of the step.
        gradients: the gradient of each weight, by name.
        after: the network after the step.

    Shape:
        x: (N, ...).
        returns: each value (), on the device of the network; update_ratio is Inf or NaN if W is zero.

    Source: update ratio, about 0.001 in a network that trains well: Karpathy, CS231n notes, "Ratio of weights:updates".
    Saturation: Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks",
    section 3.
    """
    found: dict[str, Tensor] = {}
    weights = [f"{name}.weight" for name, part in before.named_modules() if isinstance(part, _WEIGHTED)]
    digits = len(str(len(weights)))  # layer_01 if there are ten or more layers, so that names sort in order
    for number, name in enumerate(weights, start=1):
        weight = before.get_parameter(name)
        found[f"gradient_norm/layer_{number:0{digits}}"] = gradients[name].norm()
        found[f"update_ratio/layer_{number:0{digits}}"] = (after.get_parameter(name) - weight).norm() / weight.norm()
    for activity in activities(before, x):
        if (blocked := activity.blocked()) is not None:
            name, share = blocked
            found[f"{name}/layer_{activity.number:0{digits}}"] = share
    return found


def _is_activation(part: nn.Module) -> bool:
    has_parts = any(True for _ in part.children()) or any(True for _ in part.parameters())
    return isinstance(part, PReLU) or (isinstance(part, Layer) and not isinstance(part, _OTHERS) and not has_parts)


class Activity(NamedTuple):
    """What one activation did with a batch.

    Attributes:
        number: the number of the linear or convolutional layer before it, from 1 at the input.
        layer: the activation.
        output: its output, (N, ...).
        slope: its derivative at each of its inputs, (N, ...); None for activations that `blocked` knows nothing of.
        unit_dim: the dimension of the units: the channels of a convolution, the last dimension otherwise.
    """

    number: int
    layer: Layer
    output: Tensor
    slope: Tensor | None
    unit_dim: int

    def blocked(self) -> tuple[str, Tensor] | None:
        """Return "saturated" or "dead" and the fraction, (), as `gradient_health` defines them; None if unknown."""
        if self.slope is None:
            return None
        dtype = torch.promote_types(self.slope.dtype, torch.float32)  # a mean in bfloat16 would have 3 digits
        steepest = _STEEPEST.get(type(self.layer))
        if steepest is not None:
            return "saturated", (self.slope.abs() < _FLAT * steepest).to(dtype).mean()
        of_unit = self.slope.movedim(self.unit_dim, 0).flatten(1)  # (units, values)
        return "dead", (of_unit.abs() < _DEAD).all(dim=1).to(dtype).mean()


def activities(net: nn.Module, x: Tensor) -> list[Activity]:
    """Return the activity of each activation of a network in training mode, in order; it uses up the forward pass."""
    found: list[Activity] = []

    def look(number: int, unit_dim: int, layer: Any, inputs: Any, y: Tensor) -> None:
        is_known = isinstance(layer, (*_STEEPEST, *_ONE_SIDED))
        slope = layer.backward(torch.ones_like(y)) if is_known else None
        found.append(Activity(number, layer, y, slope, unit_dim if y.dim() > 2 else -1))

    number, unit_dim, hooks = 0, -1, []
    for part in net.modules():
        if isinstance(part, _WEIGHTED):
            number, unit_dim = number + 1, -1 if isinstance(part, Linear) else 1
        elif _is_activation(part):
            hooks.append(part.register_forward_hook(partial(look, number, unit_dim)))
    try:
        net(x)
    finally:
        for hook in hooks:
            hook.remove()
    return found
