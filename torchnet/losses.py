"""Losses: each is a function (logits, targets) -> (loss, grad_logits), a value and its gradient side by side.

Softmax is part of the loss. Separately, the derivative of softmax is a full matrix a sample and its logarithm meets
log(0); together, the matrix cancels and every value is finite as long as the differences of a row's logits are.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from torchnet.layers.layer import expect_shape


def cross_entropy(logits: Tensor, targets: Tensor, divisor: int | None = None) -> tuple[Tensor, Tensor]:
    """Return the softmax cross-entropy and its gradient with respect to the logits.

    With p = softmax(z), target rows t and n the divisor of the mean:

        L = -1/n Σₙ Σ_c t_c log p_c        log p_c = z_c - log Σⱼ e^zⱼ

    Since ∂log p_c/∂z_k = [c = k] - p_k, the sum over c collapses:

        ∂L/∂z_k = (p_k Σ_c t_c - t_k) / n

    For a class y, whose row is 1 there and 0 elsewhere, that is L = -1/n Σₙ log p_y and ∂L/∂z_k = (p_k - [k = y]) / n.

    The 1/n of the mean is applied here and nowhere else.

    Args:
        logits: the output of the network, before softmax.
        targets: the classes as integers, or one row of probabilities a sample.
        divisor: n, the number of samples that the mean is over; that of the batch if None. A part of a larger batch
            passes the size of the whole, and the gradients of the parts then add up to that of the whole.

    Shape:
        logits: (N, C).
        targets: (N,) integers, or (N, C).
        returns: () and (N, C).

    Raises:
        ValueError: if logits and targets do not fit each other or a class is outside 0..C-1. (A class outside on a GPU
            is stopped by torch's own assertion there: a check would have to wait for the device.)
    """
    targets = _checked(logits, targets)
    n = len(logits) if divisor is None else divisor
    log_probs, probs = _softmax(logits)
    if targets.dtype == logits.dtype:  # rows, not classes
        loss = -(targets * log_probs).sum() / n
        with torch.no_grad():  # should the logits be part of an autograd graph, their gradient is none
            grad_logits = (probs * targets.sum(dim=1, keepdim=True) - targets) / n
    else:
        with _classes_within(logits, targets):
            loss = -log_probs.gather(1, targets).sum() / n
        with torch.no_grad():
            grad_logits = probs.scatter(1, targets, -1, reduce="add") / n
    return loss, grad_logits


def one_vs_rest_cross_entropy(logits: Tensor, targets: Tensor, divisor: int | None = None) -> tuple[Tensor, Tensor]:
    """Return the loss that the notebook prints, and its own gradient with respect to the logits.

    Each softmax output is scored as a yes-or-no question of its own. With p = softmax(z) and target rows t:

        L = -1/n Σₙ Σ_c [t_c log p_c + (1 - t_c) log(1 - p_c)]

    1 - p_c is the probability of the other classes. Only the most probable class m can have p > 1/2; there it is summed
    from the others' own terms, log(1 - p_m) = log Σ_{j≠m} p_j, and nowhere is 1 - p rounded to zero.

    For the gradient, ∂log(1 - p_c)/∂z_k is -p_c for k = c, and p_c p_k / (1 - p_c) for k ≠ c, where p_k / (1 - p_c) is
    the probability of k once c is ruled out. With v_c = (1 - t_c) p_c:

        ∂L/∂z_k = 1/n [p_k Σ_c t_c - t_k + v_k - Σ_{c≠k} v_c p_k / (1 - p_c)]

    In the last sum the term of c = m is v_m · softmax(z without m)_k, finite where p_m rounds to one.

    The notebook trains with the gradient of `cross_entropy` and prints this loss; that shortcut is not taken here.

    Args:
        logits: the output of the network, before softmax; at least two classes.
        targets: the classes as integers, or one row of probabilities a sample.
        divisor: n, the number of samples that the mean is over; that of the batch if None.

    Shape:
        logits: (N, C), C >= 2.
        targets: (N,) integers, or (N, C).
        returns: () and (N, C).

    Raises:
        ValueError: as for `cross_entropy`, and if C < 2.
    """
    rows = _checked(logits, targets)
    if logits.shape[1] < 2:
        raise ValueError(f"expected logits of at least two classes, got shape {tuple(logits.shape)}")
    if rows.dtype != logits.dtype:  # classes
        with _classes_within(logits, targets):
            rows = torch.zeros_like(logits).scatter_(1, rows, 1)
    n = len(logits) if divisor is None else divisor
    log_probs, probs = _softmax(logits)
    # m, the most probable class of each row, and log(1 - p_m) from the other classes
    is_top = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, logits.argmax(dim=1, keepdim=True), True)
    log_rest_of_top = torch.logsumexp(log_probs.masked_fill(is_top, -torch.inf), dim=1, keepdim=True)
    log_rest = torch.where(is_top, log_rest_of_top, torch.log1p(-probs))
    loss = -(rows * log_probs + (1 - rows) * log_rest).sum() / n
    with torch.no_grad():
        v = (1 - rows) * probs
        v_over_rest = (v / (1 - probs)).masked_fill(is_top, 0)  # v_c / (1 - p_c) of c ≠ m
        _, softmax_without_top = _softmax(logits.masked_fill(is_top, -torch.inf))
        grad_logits = (
            probs * rows.sum(dim=1, keepdim=True)
            - rows
            + v
            - probs * (v_over_rest.sum(dim=1, keepdim=True) - v_over_rest)
            - (v * is_top).sum(dim=1, keepdim=True) * softmax_without_top
        ) / n
    return loss, grad_logits


LOSSES = {"cross_entropy": cross_entropy, "one_vs_rest_cross_entropy": one_vs_rest_cross_entropy}


def _softmax(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return log p and p for p = softmax(logits), each from the exponentials: exp(log p) would lose digits."""
    # Shifted by the maximum of each row, so that the largest exponential is e⁰ = 1. Softmax does not see a shift:
    # for a derivative the maximum is a constant.
    shifted = logits - logits.amax(dim=1, keepdim=True).detach()
    exponentials = shifted.exp()
    total = exponentials.sum(dim=1, keepdim=True)
    return shifted - total.log(), exponentials / total


def _checked(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the targets, rows of probabilities (N, C) or a column of classes (N, 1), once they fit the logits."""
    if logits.dim() != 2 or len(logits) == 0:
        raise ValueError(f"expected logits of shape (N, C) with N >= 1, got {tuple(logits.shape)}")
    if targets.is_floating_point() or targets.dim() == 2:
        expect_shape("target rows", targets, logits.shape, "one row of probabilities a sample")
        return targets.to(logits.dtype)
    expect_shape("integer targets", targets, (len(logits),), "one class a sample")
    return targets.long().unsqueeze(1)


@contextmanager
def _classes_within(logits: Tensor, targets: Tensor) -> Iterator[None]:
    """Say which classes there are and which were asked for, should torch find one that is not there."""
    try:
        yield
    except RuntimeError as error:
        classes = logits.shape[1]
        raise ValueError(
            f"expected classes within 0..{classes - 1}, got {targets.min().item()}..{targets.max().item()}: "
            f"the logits have {classes} columns"
        ) from error
