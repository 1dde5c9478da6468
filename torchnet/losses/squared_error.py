"""The mean squared error, for regression or for one-hot classes."""

import torch
from torch import Tensor

from torchnet.losses.loss_value import explains_backward
from torchnet.losses.targets import as_rows


@explains_backward
def mean_squared_error(logits: Tensor, targets: Tensor, divisor: int | Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the mean squared error, like torch.nn.MSELoss, and its gradient with respect to the logits.

    For logits z, target rows t and the divisor n of the mean:

        L = 1/(n C) Σₙ Σ_c (z_c - t_c)²

    Each logit occurs in exactly one square:

        ∂L/∂z_k = 2 (z_k - t_k) / (n C)

    Args:
        logits: the output of the network.
        targets: one row of numbers per sample, or the classes as integers, which become one-hot rows.
        divisor: n, the number of samples in the mean; the batch size if None.

    Shape:
        logits: (N, C).
        targets: (N, C), or (N,) integers.
        returns: () and (N, C).

    Raises:
        ValueError: if the shapes of logits and targets do not match or a class is outside 0..C-1.
    """
    differences = logits - as_rows(logits, targets)
    n = len(logits) if divisor is None else divisor
    numbers = n * logits.shape[1]
    loss = differences.square().sum() / numbers
    with torch.no_grad():  # keep the gradient out of any autograd graph that the logits belong to
        grad_logits = differences * (2 / numbers)
    return loss, grad_logits
