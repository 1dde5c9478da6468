"""What all networks share: a sequence of layers that takes samples in any layout and returns logits."""

import math
from collections.abc import Callable
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from torchnet.layers import Layer, Sequential


class Network(Sequential):
    """A sequence of layers that starts from samples as data sets store them.

    Attributes:
        input_shape: what the first layer takes of each sample: (features,), or (channels, height, width).
        matmul_dtype: the dtype to which the operands of products are rounded, None for that of the weights.
    """

    input_shape: tuple[int, ...] | None = None
    matmul_dtype: Any = None

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits.

        Shape:
            x: (N, ...) with as many values per sample as input_shape has, N >= 1: flat rows, gray images (height,
                width), or color images with the channels first or last.
            returns: (N, C).

        Raises:
            ValueError: if x is empty, or has the wrong number of values per sample or the wrong dtype.
        """
        if x.dim() < 2:
            raise ValueError(f"expected a batch of samples (N, ...), got {tuple(x.shape)}: pass one sample as x[None]")
        if self.training:
            self._given_shape = x.shape
        logits = super().forward(x if self.input_shape is None else in_shape(x, self.input_shape))
        return logits.to(next(self.parameters(), logits).dtype)  # a last convolution may return bfloat16

    def backward(
        self, grad_output: Tensor, input_grad: bool = False, written: Callable[[Layer], None] | None = None
    ) -> Tensor | None:
        """Write `.grad` of every weight; return the gradient of the input if input_grad is True.

        Args:
            grad_output: the gradient of the loss with respect to the logits.
            input_grad: whether to compute the gradient of the input.
            written: called with each layer as soon as the gradients of its weights are written.

        Shape:
            grad_output: (N, C).
            returns: the shape of the input, or None if input_grad is False.

        Raises:
            RuntimeError: if no forward pass was made in training mode since the last backward.
            ValueError: if grad_output does not have the shape of the logits.
        """
        grad = super().backward(grad_output, input_grad, written)
        if grad is None:
            return None
        given = self._given_shape
        return grad.movedim(1, -1) if _has_channels_last(given, self.input_shape) else grad.reshape(given)


def describe_sizes(net: nn.Module) -> str:
    """Return the sizes of a network from input to output, such as 784-64-64-10 or, for images, 1x28x28-32-64-10.

    After the shape of an image, a size that is equal to the one before it is left out.
    """
    sizes = [getattr(part, "out_channels", getattr(part, "out_features", None)) for part in net.modules()]
    sizes = [size for size in sizes if size is not None]
    shape = getattr(net, "input_shape", None) or ()
    if len(shape) > 1:
        sizes = [size for size, _ in groupby(sizes)]
    return "-".join(map(str, ["x".join(map(str, shape)), *sizes] if shape else sizes))


def in_shape(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return samples, (N, ...), as the first layer takes them, (N, *shape), without copying them if possible.

    Images get the memory format channels_last, in which torch's convolutions are fastest, and which all layers keep.
    `contiguous` would leave images of one channel as they are, since they are in both formats; `to` sets their strides.

    Raises:
        ValueError: if they are not images of this shape. Rows of a wrong length are left to the first layer.
    """
    if len(shape) == 1:
        return x.flatten(1)
    if _has_channels_last(x.shape, shape):
        return x.movedim(-1, 1).to(memory_format=torch.channels_last)
    without_channel = shape[1:] if shape[0] == 1 else shape
    if x.shape[1:] not in (shape, without_channel, (math.prod(shape),)):
        sizes, values = ", ".join(map(str, shape)), math.prod(shape)
        raise ValueError(
            f"expected samples of shape (N, {sizes}), or rows (N, {values}), got {tuple(x.shape)}: convert them, or "
            "make the network for samples of their shape"
        )
    x = x.reshape(len(x), *shape)
    return x.to(memory_format=torch.channels_last) if len(shape) == 3 else x


def _has_channels_last(given: tuple[int, ...], shape: tuple[int, ...] | None) -> bool:
    """Whether samples are images (height, width, channels) for a network that takes (channels, height, width)."""
    return shape is not None and len(shape) == 3 and given[1:] == (*shape[1:], shape[0]) and given[1:] != shape
