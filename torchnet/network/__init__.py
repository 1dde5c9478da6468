"""Networks: sequences of layers that return logits."""

from torchnet.network.convnet import POOLINGS, ConvNet
from torchnet.network.mlp import MLP, layer_sizes
from torchnet.network.network import Network

__all__ = ["MLP", "POOLINGS", "ConvNet", "Network", "layer_sizes"]
