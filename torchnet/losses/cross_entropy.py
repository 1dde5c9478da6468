"""The softmax cross-entropy, with label smoothing and class weights."""

import torch
from torch import Tensor

from torchnet.layers.layer import expect_shape
from torchnet.losses.loss_value import explains_backward
from torchnet.losses.softmax import softmax
from torchnet.losses.targets import checked, classes_within


@explains_backward
def cross_entropy(
    logits: Tensor,
    targets: Tensor,
    divisor: int | Tensor | None = None,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the softmax cross-entropy, like torch.nn.functional.cross_entropy, and its gradient by the logits.

    With p = softmax(z), target rows t and the divisor n of the mean:

        L = -1/n Σₙ Σ_c t_c log p_c        log p_c = z_c - log Σⱼ e^zⱼ

    Since ∂log p_c/∂z_k = [c = k] - p_k, the sum over c collapses:

        ∂L/∂z_k = (p_k Σ_c t_c - t_k) / n

    For an integer target y, whose row is one-hot, L = -1/n Σₙ log p_y and ∂L/∂z_k = (p_k - [k = y]) / n.

    Label smoothing ε and class weights w change only the target rows. A fraction ε of each target is spread evenly over
    all classes, and class c is weighted by w_c:

        t_c ← w_c ((1 - ε) t_c + ε/C)

    For an integer target y, the new row is a sum: (1 - ε) w_y at y, plus ε w_c / C at each c, equal for all samples.

    The 1/n of the mean is applied here and nowhere else.

    Args:
        logits: the output of the network, before softmax.
        targets: the classes as integers, or one row of probabilities per sample.
        divisor: n. If None, the mean is over the batch: n = Σₙ w_y for integer targets with class weights (a weighted
            mean), otherwise the number of samples. For a part of a larger batch, pass the n of the whole batch; the
            gradients of the parts then add up to the gradient of the whole.
        label_smoothing: ε, from 0 to 1.
        weight: w, the weight of each class; 1 if None.

    Shape:
        logits: (N, C).
        targets: (N,) integers, or (N, C).
        weight: (C,).
        returns: () and (N, C).

    Raises:
        ValueError: if the shapes of logits, targets and weight do not match, label_smoothing is out of range, or a
            class is outside 0..C-1. (On a GPU, torch's own assertion stops at such a class: a check would synchronize.)

    Source: Szegedy et al. 2016, "Rethinking the Inception architecture for computer vision", section 7 (smoothing).
    """
    targets = checked(logits, targets)
    samples, classes = logits.shape
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing: expected a number from 0 to 1, got {label_smoothing}")
    if weight is not None:
        expect_shape("weight", weight, (classes,), "one number per class, as many as the logits have columns")
    log_probs, probs = softmax(logits)
    n: int | Tensor = samples if divisor is None else divisor
    if targets.dtype == logits.dtype:  # rows, not classes
        if label_smoothing > 0:
            targets = (1 - label_smoothing) * targets + label_smoothing / classes
        if weight is not None:
            targets = targets * weight.to(logits.dtype)
        loss = (targets * log_probs).sum() / -n
        with torch.no_grad():  # keep the gradient out of any autograd graph that the logits belong to
            grad_logits = (probs * targets.sum(dim=1, keepdim=True)).sub_(targets).div_(n)
        return loss, grad_logits
    with classes_within(logits, targets):
        log_probs_there = log_probs.gather(1, targets)
    if weight is None:
        log_likelihood = log_probs_there.sum()
        if label_smoothing > 0:
            log_likelihood = (1 - label_smoothing) * log_likelihood + label_smoothing / classes * log_probs.sum()
        loss = log_likelihood / -n
        with torch.no_grad():  # in place: nobody else has p
            grad_logits = probs.detach().scatter_(1, targets, label_smoothing - 1, reduce="add")
            if label_smoothing > 0:
                grad_logits.sub_(label_smoothing / classes)
            return loss, grad_logits.div_(n)
    weights = weight.to(logits.dtype)
    weights_there = weights.take(targets)
    if divisor is None:
        n = weights_there.sum()
    # the two parts of t/n: at the class of the sample (N, 1), and at every class (C,)
    there, everywhere = (1 - label_smoothing) * weights_there / n, label_smoothing / classes * weights / n
    loss = -(there * log_probs_there).sum() - (everywhere * log_probs).sum()
    with torch.no_grad():
        grad_logits = torch.addcmul(-everywhere, probs, there + everywhere.sum()).scatter_add_(1, targets, -there)
    return loss, grad_logits
