"""What the layers that work on images expect of their arguments and inputs."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from torchnet.layers.layer import expect_floats, expect_values
from torchnet.layers.patches import Sizes


def expect_sizes(name: str, value: Any, dimensions: int, smallest: int = 1) -> Sizes:
    """Return a size for each dimension; one number stands for all dimensions.

    Raises:
        ValueError: if it is neither a whole number from `smallest` up nor a sequence of them.
    """
    sizes = (value,) * dimensions if isinstance(value, int) else tuple(value) if isinstance(value, Sequence) else ()
    if len(sizes) != dimensions or not all(isinstance(size, int) and size >= smallest for size in sizes):
        numbers = f" or {dimensions} of them" if dimensions > 1 else ""
        raise ValueError(f"{name}: expected a whole number from {smallest} up{numbers}, got {value!r}")
    return sizes


def expect_images(x: Tensor, dimensions: int, channels: int | None = None, *dtypes: torch.dtype) -> None:
    """Raise a ValueError unless x is a batch of images, (N, C, H, W), or one image, (C, H, W).

    With one dimension, these are signals, (N, C, L) or (C, L). If neither channels nor dtypes are given, x may have any
    number of channels, and any dtype of floating point.
    """
    if x.dim() - dimensions not in (1, 2) or channels not in (None, x.shape[-dimensions - 1]):
        sample = ", ".join([str(channels or "C"), *("L" if dimensions == 1 else "HW")])
        has_channels_last = x.dim() - dimensions in (1, 2) and x.shape[-1] == channels
        hint = "reshape each sample to its channels and pixels"
        if has_channels_last:
            hint = f"move the channels with x.movedim(-1, {-dimensions - 1})"
        raise ValueError(f"expected input of shape (N, {sample}) or ({sample}), got {tuple(x.shape)}: {hint}")
    if not dtypes:
        expect_floats(x)
    expect_values(x, *(dtypes or (x.dtype,)))


def memory_format(x: Tensor) -> torch.memory_format:
    """Return torch.channels_last if the channels of each pixel of x lie next to each other in memory."""
    is_last = x.dim() == 4 and not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if is_last else torch.contiguous_format
