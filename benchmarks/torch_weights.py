"""Weights into and out of a network of torch: torchnet.MLP and nn.Sequential have the same names and layouts."""

import torch
from torch import nn

from benchmarks.task import Weights


def load_weights(net: nn.Sequential, weights: Weights) -> None:
    """Copy the weights into the network."""
    values = [torch.from_numpy(array) for layer in weights for array in layer]
    net.load_state_dict(dict(zip(net.state_dict(), values, strict=True)))


def weights_of(net: nn.Sequential) -> Weights:
    """Return the weights of the network as float32, whatever it trains in."""
    arrays = [tensor.float().numpy() for tensor in net.state_dict().values()]
    return list(zip(arrays[::2], arrays[1::2], strict=True))
