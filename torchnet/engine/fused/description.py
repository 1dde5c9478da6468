"""What a fused step has to know of a recipe, and which recipes have one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from torchnet.layers import ELU, GELU, Identity, LeakyReLU, Linear, ReLU, Sigmoid, SiLU, Softplus, Tanh
from torchnet.losses import cross_entropy, mean_squared_error
from torchnet.network import MLP
from torchnet.optimizers import SGD
from torchnet.step import Recipe

# The name of each activation in the code of the fused steps, and its parameter.
_ACTIVATIONS: dict[type, Callable[[Any], tuple[str, float]]] = {
    Identity: lambda layer: ("identity", 0.0),
    Sigmoid: lambda layer: ("sigmoid", 0.0),
    Tanh: lambda layer: ("tanh", 0.0),
    ReLU: lambda layer: ("relu", 0.0),
    LeakyReLU: lambda layer: ("leaky_relu", layer.negative_slope),
    ELU: lambda layer: ("elu", layer.alpha),
    SiLU: lambda layer: ("silu", 0.0),
    Softplus: lambda layer: ("softplus", layer.beta),
    GELU: lambda layer: ("gelu" if layer.approximate == "none" else "gelu_tanh", 0.0),
}
ACTIVATION_NAMES = (
    "identity",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "silu",
    "softplus",
    "gelu",
    "gelu_tanh",
)
_LOSSES = {cross_entropy: "cross_entropy", mean_squared_error: "mean_squared_error"}


class NotFusedError(Exception):
    """A recipe has no fused step; the message says why, as the rest of a sentence."""


class FusedStepError(ArithmeticError):
    """A fused step differs from the plain one by more than rounding."""

    exit_code = 70


@dataclass(frozen=True)
class Description:
    """A network of Linear layers and elementwise activations, its loss, and how its operands are rounded.

    Attributes:
        linears: the Linear layers, from input to output.
        activations: name (of `ACTIVATION_NAMES`) and parameter of the activation after each Linear but the last: the
            slope of leaky_relu, alpha of elu, beta of softplus.
        loss: "cross_entropy" or "mean_squared_error".
        bfloat16: whether the operands of products are rounded to bfloat16.
    """

    linears: tuple[Linear, ...]
    activations: tuple[tuple[str, float], ...]
    loss: str
    bfloat16: bool

    @property
    def sizes(self) -> tuple[int, ...]:
        """The widths from input to output."""
        return (self.linears[0].in_features, *(linear.out_features for linear in self.linears))


def describe(recipe: Recipe) -> Description:
    """Return what a fused step has to know of a recipe.

    Raises:
        NotFusedError: if the recipe has something that no fused step does.
    """
    net, optimizer = recipe.net, recipe.optimizer
    if recipe.augment is not None:
        raise NotFusedError("images are deformed")
    if recipe.clip is not None:
        raise NotFusedError("gradients are clipped")
    if recipe.average is not None:
        raise NotFusedError("the weights are averaged")
    if recipe.gradient_sum is not None:
        raise NotFusedError("several processes train together")
    if recipe.hooks is not None:
        raise NotFusedError("every gradient is looked at")
    if type(optimizer) is not SGD:
        raise NotFusedError(f"the optimizer is {type(optimizer).__name__}, not torchnet.SGD")
    if type(net) is not MLP:
        raise NotFusedError(f"the network is a {type(net).__name__}, not an MLP")
    linears, activations = _layers(net)
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    if len(optimizer.param_groups) != 1 or {id(w) for w in weights} != {id(w) for w in net.parameters()}:
        raise NotFusedError("the optimizer has several groups of weights, or not all of them")
    dtype = linears[0].weight.dtype
    if dtype != torch.float32:
        raise NotFusedError(f"the weights are {str(dtype).removeprefix('torch.')}, not float32")
    if recipe.images.dtype != torch.uint8 or not all(weight.is_contiguous() for weight in weights):
        raise NotFusedError("the inputs are not bytes, or a weight is not contiguous")
    return Description(linears, activations, _loss_name(recipe), net.matmul_dtype == torch.bfloat16)


def _layers(net: MLP) -> tuple[tuple[Linear, ...], tuple[tuple[str, float], ...]]:
    linears: list[Linear] = []
    activations: list[tuple[str, float]] = []
    for k, layer in enumerate(net):
        if k % 2 == 0 and type(layer) is Linear:
            linears.append(layer)
        elif k % 2 == 1 and type(layer) in _ACTIVATIONS and getattr(layer, "threshold", 20.0) == 20.0:
            activations.append(_ACTIVATIONS[type(layer)](layer))
        else:
            raise NotFusedError(f"the network has a layer {type(layer).__name__} at {k}")
    if len(linears) != len(activations) + 1:
        raise NotFusedError("the network does not end with a Linear layer")
    return tuple(linears), tuple(activations)


def _loss_name(recipe: Recipe) -> str:
    loss = recipe.loss
    if isinstance(loss, partial) and not loss.args and not any(loss.keywords.values()):
        loss = loss.func  # label_smoothing=0 and weight=None change nothing
    if loss not in _LOSSES:
        raise NotFusedError("the loss is neither plain softmax cross-entropy nor the mean squared error")
    return _LOSSES[loss]
