"""torchnet: deep networks with hand-written gradients, on PyTorch, each proven right."""

from torchnet.checking import check
from torchnet.layers import ELU, GELU, Identity, Layer, LeakyReLU, Linear, ReLU, Sigmoid, SiLU, Softplus, Tanh
from torchnet.losses import cross_entropy, one_vs_rest_cross_entropy
from torchnet.network import MLP, layer_sizes
from torchnet.optimizers import SGD

__all__ = [
    "ELU",
    "GELU",
    "MLP",
    "SGD",
    "Identity",
    "Layer",
    "LeakyReLU",
    "Linear",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
    "check",
    "cross_entropy",
    "layer_sizes",
    "one_vs_rest_cross_entropy",
]
