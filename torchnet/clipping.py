"""Gradient clipping, in place, between the backward pass and the update."""

from collections.abc import Iterable

import torch
from torch import Tensor


@torch.no_grad()
def clip_by_norm(weights: Iterable[Tensor], max_norm: float) -> Tensor:
    """Scale all gradients by one factor so that their norm is at most max_norm, like torch.nn.utils.clip_grad_norm_.

    The norm is that of all gradients G concatenated into one vector, whose direction is kept:

        ‖G‖ = √(Σ_w ‖∂L/∂w‖²)        G ← G · min(1, max_norm / (‖G‖ + 10⁻⁶))

    Args:
        weights: tensors whose `.grad` is changed in place; tensors without a gradient are skipped.
        max_norm: the largest norm allowed, above 0.

    Shape:
        returns: (), ‖G‖ before clipping. If it is Inf or NaN, the clipped gradients are useless.

    Raises:
        ValueError: if max_norm is not above 0, or no weight has a gradient.

    Source: Pascanu et al. 2013, "On the difficulty of training recurrent neural networks", algorithm 1.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm: expected a number above 0, got {max_norm}")
    grads = _grads(weights)
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(grad) for grad in grads]))
    scale = (max_norm / (norm + 1e-6)).clamp(max=1)  # a tensor: reading its value would synchronize the device
    for grad in grads:
        grad.mul_(scale)
    return norm


@torch.no_grad()
def clip_by_value(weights: Iterable[Tensor], max_value: float) -> None:
    """Clamp each element of the gradients, like torch.nn.utils.clip_grad_value_.

        g ← min(max(g, -max_value), max_value)

    Args:
        weights: tensors whose `.grad` is changed in place; tensors without a gradient are skipped.
        max_value: the largest absolute value allowed, above 0.

    Raises:
        ValueError: if max_value is not above 0, or no weight has a gradient.
    """
    if not max_value > 0:
        raise ValueError(f"max_value: expected a number above 0, got {max_value}")
    for grad in _grads(weights):
        grad.clamp_(-max_value, max_value)


def _grads(weights: Iterable[Tensor]) -> list[Tensor]:
    grads = [weight.grad for weight in weights if weight.grad is not None]
    if not grads:
        raise ValueError("expected weights with gradients to clip, got none: call backward first")
    return grads
