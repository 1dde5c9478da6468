"""The mean squared error: regression, or classes aimed at as 1 among zeros."""

import torch
from torch import Tensor

from torchnet.losses.targets import as_rows


def mean_squared_error(logits: Tensor, targets: Tensor, divisor: int | Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the mean squared error, as torch.nn.MSELoss does, and its gradient with respect to the logits.

    For logits z, target rows t and n the divisor of the mean:

        L = 1/(n C) Σₙ Σ_c (z_c - t_c)²

    Each logit is in one square alone, so that

        ∂L/∂z_k = 2 (z_k - t_k) / (n C)

    Args:
        logits: the output of the network.
        targets: one row of numbers a sample; or the classes as integers, whose rows are 1 there and 0 elsewhere.
        divisor: n, the number of samples that the mean is over; that of the batch if None.

    Shape:
        logits: (N, C).
        targets: (N, C), or (N,) integers.
        returns: () and (N, C).

    Raises:
        ValueError: if logits and targets do not fit each other or a class is outside 0..C-1.
    """
    differences = logits - as_rows(logits, targets)
    n = len(logits) if divisor is None else divisor
    numbers = n * logits.shape[1]
    loss = differences.square().sum() / numbers
    with torch.no_grad():  # should the logits be part of an autograd graph, their gradient is none
        grad_logits = differences * (2 / numbers)
    return loss, grad_logits
