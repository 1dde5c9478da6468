"""The mathematics: each file shows a layer's forward pass, and below it the derivation and the backward pass."""

from torchnet.layers.batch_norm import BatchNorm1d
from torchnet.layers.dropout import Dropout, set_step
from torchnet.layers.layer import Layer
from torchnet.layers.layer_norm import LayerNorm
from torchnet.layers.linear import Linear
from torchnet.layers.relu import ReLU
from torchnet.layers.residual import Residual
from torchnet.layers.rms_norm import RMSNorm
from torchnet.layers.sigmoid import Sigmoid
from torchnet.layers.tanh import Tanh

ACTIVATIONS: dict[str, type[Layer]] = {"sigmoid": Sigmoid, "tanh": Tanh, "relu": ReLU}

__all__ = [
    "ACTIVATIONS",
    "BatchNorm1d",
    "Dropout",
    "Layer",
    "LayerNorm",
    "Linear",
    "RMSNorm",
    "ReLU",
    "Residual",
    "Sigmoid",
    "Tanh",
    "set_step",
]
