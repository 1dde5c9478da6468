"""Networks: sequences of layers that return logits."""

from torchnet.network.convnet import HEADS, POOLINGS, ConvNet
from torchnet.network.from_options import NETWORKS, OPTIONS, build_network, network_options
from torchnet.network.mlp import MLP, layer_sizes
from torchnet.network.network import Network, describe_sizes

__all__ = [
    "HEADS",
    "MLP",
    "NETWORKS",
    "OPTIONS",
    "POOLINGS",
    "ConvNet",
    "Network",
    "build_network",
    "describe_sizes",
    "layer_sizes",
    "network_options",
]
