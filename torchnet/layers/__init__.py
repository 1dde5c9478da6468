"""The mathematics: each file shows a layer's forward pass, and below it the derivation and the backward pass."""

from torchnet.layers.layer import Layer
from torchnet.layers.linear import Linear
from torchnet.layers.relu import ReLU
from torchnet.layers.sigmoid import Sigmoid
from torchnet.layers.tanh import Tanh

ACTIVATIONS: dict[str, type[Layer]] = {"sigmoid": Sigmoid, "tanh": Tanh, "relu": ReLU}

__all__ = ["ACTIVATIONS", "Layer", "Linear", "ReLU", "Sigmoid", "Tanh"]
