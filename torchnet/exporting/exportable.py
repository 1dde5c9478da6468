"""Which networks can be exported."""

from torch import nn

from torchnet import layers

NOT_EXPORTED = layers.Embedding, layers.MultiheadAttention


def expect_exportable(net: nn.Module) -> None:
    """Raise a ValueError if a layer has no counterpart in an exported program.

    A layer of the user's own has none. torch.nn's attention returns more than one tensor. An embedding takes ids, but
    raw data are numbers.
    """
    layers.expect_layers_of_torchnet(net)
    for layer in net.modules():
        if isinstance(layer, NOT_EXPORTED):
            raise ValueError(f"expected layers that a program can be written for, got {type(layer).__name__}")
