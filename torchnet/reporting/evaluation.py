"""What a network makes of a data set."""

import torch
from torch import Tensor

from torchnet.data import BatchLoader, scale_pixels
from torchnet.network import MLP


@torch.no_grad()
def evaluate(net: MLP, loader: BatchLoader) -> tuple[Tensor, Tensor]:
    """Return the logits of every sample, and the labels; the network stays in the mode it was in.

    Shape:
        returns: (n, C) of the weights' dtype and (n,) int64, on the loader's device.
    """
    was_training = net.training
    net.eval()
    dtype = next(net.parameters()).dtype
    try:
        outputs = [(net(scale_pixels(batch.images, dtype)), batch.targets) for batch in loader]
    finally:
        net.train(was_training)
    logits, labels = zip(*outputs, strict=True)
    return torch.cat(logits), torch.cat(labels)
