"""torchnet: deep networks with hand-written gradients, on PyTorch, each proven right."""

from torchnet.averaging import WeightAverage
from torchnet.checking import check
from torchnet.clipping import clip_by_norm, clip_by_value
from torchnet.layers import (
    ELU,
    GELU,
    BatchNorm1d,
    Dropout,
    Identity,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    ReLU,
    Residual,
    RMSNorm,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
    set_step,
)
from torchnet.losses import cross_entropy, mean_squared_error, one_vs_rest_cross_entropy
from torchnet.network import MLP, layer_sizes
from torchnet.optimizers import SGD

__all__ = [
    "ELU",
    "GELU",
    "MLP",
    "SGD",
    "BatchNorm1d",
    "Dropout",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "RMSNorm",
    "ReLU",
    "Residual",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
    "WeightAverage",
    "check",
    "clip_by_norm",
    "clip_by_value",
    "cross_entropy",
    "layer_sizes",
    "mean_squared_error",
    "one_vs_rest_cross_entropy",
    "set_step",
]
