"""The softmax cross-entropy, with smoothed labels and weighted classes."""

import torch
from torch import Tensor

from torchnet.layers.layer import expect_shape
from torchnet.losses.softmax import softmax
from torchnet.losses.targets import checked, classes_within


def cross_entropy(
    logits: Tensor,
    targets: Tensor,
    divisor: int | Tensor | None = None,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the softmax cross-entropy, as torch's own does, and its gradient with respect to the logits.

    With p = softmax(z), target rows t and n the divisor of the mean:

        L = -1/n Σₙ Σ_c t_c log p_c        log p_c = z_c - log Σⱼ e^zⱼ

    Since ∂log p_c/∂z_k = [c = k] - p_k, the sum over c collapses:

        ∂L/∂z_k = (p_k Σ_c t_c - t_k) / n

    For a class y, whose row is 1 there and 0 elsewhere, that is L = -1/n Σₙ log p_y and ∂L/∂z_k = (p_k - [k = y]) / n.

    Label smoothing ε and the weights w of the classes change the target rows and nothing else. A part ε of each target
    is spread evenly over all classes, and each class counts w_c times:

        t_c ← w_c ((1 - ε) t_c + ε/C)

    For a class y, the new row is the sum of two: (1 - ε) w_y at y, and ε w_c / C at each c, the same for every sample.

    The 1/n of the mean is applied here and nowhere else.

    Args:
        logits: the output of the network, before softmax.
        targets: the classes as integers, or one row of probabilities a sample.
        divisor: n. If None, that of the mean over the batch: Σₙ w_y for classes with weights, so that the mean is a
            weighted one, otherwise the number of samples. A part of a larger batch passes the n of the whole, and the
            gradients of the parts then add up to that of the whole.
        label_smoothing: ε, from 0 to 1.
        weight: w, how much each class counts; 1 if None.

    Shape:
        logits: (N, C).
        targets: (N,) integers, or (N, C).
        weight: (C,).
        returns: () and (N, C).

    Raises:
        ValueError: if logits, targets and weight do not fit each other, label_smoothing is out of its range, or a class
            is outside 0..C-1. (A class outside on a GPU is stopped by torch's own assertion there: a check would have
            to wait for the device.)

    Source: Szegedy et al. 2016, "Rethinking the Inception architecture for computer vision", section 7 (smoothing).
    """
    targets = checked(logits, targets)
    samples, classes = logits.shape
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing: expected a number from 0 to 1, got {label_smoothing}")
    if weight is not None:
        expect_shape("weight", weight, (classes,), "one number a class, as many as the logits have columns")
    log_probs, probs = softmax(logits)
    n: int | Tensor = samples if divisor is None else divisor
    if targets.dtype == logits.dtype:  # rows, not classes
        if label_smoothing > 0:
            targets = (1 - label_smoothing) * targets + label_smoothing / classes
        if weight is not None:
            targets = targets * weight.to(logits.dtype)
        loss = -(targets * log_probs).sum() / n
        with torch.no_grad():  # should the logits be part of an autograd graph, their gradient is none
            grad_logits = (probs * targets.sum(dim=1, keepdim=True) - targets) / n
        return loss, grad_logits
    with classes_within(logits, targets):
        log_probs_there = log_probs.gather(1, targets)
    if label_smoothing == 0 and weight is None:
        loss = -log_probs_there.sum() / n
        with torch.no_grad():
            grad_logits = probs.scatter(1, targets, -1, reduce="add") / n
        return loss, grad_logits
    weights = logits.new_ones(classes) if weight is None else weight.to(logits.dtype)
    weights_there = weights.take(targets)
    if weight is not None and divisor is None:
        n = weights_there.sum()
    # t/n in its two parts: at the class (N, 1), and at each class (C,)
    there, everywhere = (1 - label_smoothing) * weights_there / n, label_smoothing / classes * weights / n
    loss = -(there * log_probs_there).sum() - (everywhere * log_probs).sum()
    with torch.no_grad():
        grad_logits = torch.addcmul(-everywhere, probs, there + everywhere.sum()).scatter_add_(1, targets, -there)
    return loss, grad_logits
