"""How samples, as a data set stores them, are brought into the shape that the first layer of a network takes."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import nn

from torchnet.network.network import in_shape


class Arrangement(NamedTuple):
    """A step from stored samples (N, *stored) to inputs (N, *shape)."""

    step: Literal["none", "reshape", "channels first"]
    shape: tuple[int, ...]


def arrangement(net: nn.Module, stored: Sequence[int]) -> Arrangement:
    """Return what `Network.forward` does with stored samples.

    Raises:
        ValueError: if the network does not take samples of this shape.
    """
    shape = getattr(net, "input_shape", None) or tuple(stored)
    if shape == tuple(stored):
        return Arrangement("none", shape)
    if (count := math.prod(stored)) != math.prod(shape):
        raise ValueError(f"expected a network for samples of shape {tuple(stored)}, got one for {shape}")
    places = torch.arange(count)
    keeps_order = bool((in_shape(places.reshape(1, *stored), shape).flatten() == places).all())
    return Arrangement("reshape" if keeps_order else "channels first", shape)


def arranged_source(samples: str, arranged: Arrangement) -> str:
    """Return the expression that arranges a tensor of samples."""
    step, shape = arranged
    if step == "channels first":
        return f"{samples}.movedim(-1, 1)"
    if step == "none":
        return samples
    return f"{samples}.flatten(1)" if len(shape) == 1 else f"{samples}.reshape(-1, {', '.join(map(str, shape))})"
