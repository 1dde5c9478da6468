"""How gradients fare on their way through a network: how large they are, how far they move it, and what stops them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from torchnet.layers import ELU, GELU, LeakyReLU, Linear, ReLU, Sigmoid, SiLU, Softplus, Tanh

# Activations that are flat at both ends, with their steepest slope, and those that are flat at one.
_STEEPEST: dict[type[nn.Module], float] = {Sigmoid: 0.25, Tanh: 1.0}
_ONE_SIDED: tuple[type[nn.Module], ...] = (ReLU, LeakyReLU, ELU, GELU, SiLU, Softplus)
_FLAT = 0.1  # of the steepest slope: below it a unit is called saturated
_DEAD = 0.01  # the slope below which next to nothing of a gradient passes; LeakyReLU's is just this


@torch.no_grad()
def gradient_health(
    before: nn.Module, x: Tensor, gradients: Mapping[str, Tensor], after: nn.Module
) -> dict[str, Tensor]:
    """Return how one step of training looks in each layer of weights, numbered from 1 at the input.

        gradient_norm/layer_l    ‖∂L/∂W‖, of the weights W without the bias
        update_ratio/layer_l     ‖W' - W‖ / ‖W‖, how far the step moves the weights, relative to their size
        saturated/layer_l        of the sigmoids or tanhs that follow: the share of outputs, over units and samples, at
                                 which the slope is below a tenth of its largest value
        dead/layer_l             of the units of any other activation that follows: the share whose slope is below 0.01
                                 for every sample, so that no sample can teach them

    The slopes are what each activation's own backward makes of a gradient of ones.

    Args:
        before: the network as it was before the step, in training mode; its running statistics are moved.
        x: what the step was taken on.
        gradients: of the weights, by name.
        after: the network behind the step.

    Shape:
        x: (N, ...); returns: (), each, on the device; infinite or not a number where W is zero.

    Source: the ratio of updates, about 0.001 in a network that learns well: Karpathy, notes of CS231n, "Ratio of
    weights:updates". Saturation and its measure: Glorot & Bengio 2010, "Understanding the difficulty of training deep
    feedforward neural networks", section 3.
    """
    found: dict[str, Tensor] = {}
    weights = [f"{name}.weight" for name, part in before.named_modules() if isinstance(part, Linear)]
    digits = len(str(len(weights)))  # layer_01, where there are ten and more: so they are sorted as they follow
    for number, name in enumerate(weights, start=1):
        weight = before.get_parameter(name)
        found[f"gradient_norm/layer_{number:0{digits}}"] = gradients[name].norm()
        found[f"update_ratio/layer_{number:0{digits}}"] = (after.get_parameter(name) - weight).norm() / weight.norm()
    for number, (activation, slope) in enumerate(_slopes(before, x), start=1):
        steepest = _STEEPEST.get(type(activation))
        if steepest is not None:
            found[f"saturated/layer_{number:0{digits}}"] = (slope.abs() < _FLAT * steepest).to(slope.dtype).mean()
        elif isinstance(activation, _ONE_SIDED):
            dead = (slope.abs() < _DEAD).all(dim=0)
            found[f"dead/layer_{number:0{digits}}"] = dead.to(slope.dtype).mean()
    return found


def _slopes(net: nn.Module, x: Tensor) -> list[tuple[nn.Module, Tensor]]:
    """Return the activations of a network in their order, each with its derivative at what it is given."""
    found: list[tuple[nn.Module, Tensor]] = []

    def look(activation: Any, inputs: Any, y: Tensor) -> None:
        found.append((activation, activation.backward(torch.ones_like(y))))

    watched = (*_STEEPEST, *_ONE_SIDED)
    hooks = [part.register_forward_hook(look) for part in net.modules() if isinstance(part, watched)]
    try:
        net(x)
    finally:
        for hook in hooks:
            hook.remove()
    return found
