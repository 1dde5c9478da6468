"""Copy weights into and out of torchnet.MLP and nn.Sequential, which share names and layouts."""

import torch
from torch import nn

from benchmarks.comparison.task import Weights


def load_weights(net: nn.Sequential, weights: Weights) -> None:
    """Copy the weights into the network."""
    values = [torch.from_numpy(array) for layer in weights for array in layer]
    net.load_state_dict(dict(zip(net.state_dict(), values, strict=True)))


def weights_of(net: nn.Sequential) -> Weights:
    """Return the weights of the network, converted to float32."""
    arrays = [tensor.float().cpu().numpy() for tensor in net.state_dict().values()]
    return list(zip(arrays[::2], arrays[1::2], strict=True))
