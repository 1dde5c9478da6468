"""torchnet: deep networks with hand-written gradients, on PyTorch, each proven right."""

from torchnet.averaging import WeightAverage
from torchnet.checking import check
from torchnet.clipping import clip_by_norm, clip_by_value
from torchnet.layers import Layer, Linear, ReLU, Sigmoid, Tanh
from torchnet.losses import cross_entropy, mean_squared_error, one_vs_rest_cross_entropy
from torchnet.network import MLP, layer_sizes
from torchnet.optimizers import SGD

__all__ = [
    "MLP",
    "SGD",
    "Layer",
    "Linear",
    "ReLU",
    "Sigmoid",
    "Tanh",
    "WeightAverage",
    "check",
    "clip_by_norm",
    "clip_by_value",
    "cross_entropy",
    "layer_sizes",
    "mean_squared_error",
    "one_vs_rest_cross_entropy",
]
