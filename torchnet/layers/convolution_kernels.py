"""Torch's convolution kernels, for windows whose padding may be larger after the image than before it."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from torchnet.layers.images import memory_format
from torchnet.layers.patches import Windows


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, where: Windows, groups: int) -> Tensor:
    """Return W ∗ x + b; memory formats are kept."""
    return torch.ops.aten.convolution(_pad_end(x, where), weight, bias, *_geometry(where, groups))


def convolve_backward(
    grad_output: Tensor, x: Tensor, weight: Tensor, where: Windows, groups: int, input_grad: bool
) -> tuple[Tensor | None, Tensor]:
    """Return the gradients of the input, or None, and of the weight, in the memory format of the weight."""
    wanted = (input_grad, True, False)
    grad_x, grad_weight, _ = torch.ops.aten.convolution_backward(
        grad_output, _pad_end(x, where), weight, None, *_geometry(where, groups), wanted
    )
    # The kernel writes it in the memory format of x; optimizers are slow if it differs from that of the weight.
    grad_weight = grad_weight.contiguous(memory_format=memory_format(weight))
    return _pad_end(grad_x, where, -1) if input_grad else None, grad_weight


def _geometry(where: Windows, groups: int) -> tuple[Any, ...]:
    """Return the arguments of the kernels after weight and bias."""
    return where.stride, where.padding_before, where.dilation, False, (0,) * len(where.stride), groups


def _pad_end(x: Tensor, where: Windows, sign: int = 1) -> Tensor:
    """Add what the padding after the image has more than the one before it; with sign -1, remove it."""
    excess = [sign * (after - before) for before, after in where.padding]
    return functional.pad(x, [n for size in reversed(excess) for n in (0, size)]) if any(excess) else x
