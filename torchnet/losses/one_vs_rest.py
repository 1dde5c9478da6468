"""The loss that the notebook prints: the binary cross-entropy of each softmax output, one class against the rest."""

import torch
from torch import Tensor

from torchnet.losses.loss_value import explains_backward
from torchnet.losses.softmax import softmax
from torchnet.losses.targets import as_rows


@explains_backward
def one_vs_rest_cross_entropy(
    logits: Tensor, targets: Tensor, divisor: int | Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the loss that the notebook prints, and its gradient with respect to the logits.

    It is the sum of the binary cross-entropies of the softmax outputs. With p = softmax(z) and target rows t:

        L = -1/n Σₙ Σ_c [t_c log p_c + (1 - t_c) log(1 - p_c)]

    1 - p_c is the probability of the other classes. Only the most probable class m can have p > 1/2. For it, the sum
    over the other classes is taken, log(1 - p_m) = log Σ_{j≠m} p_j, so 1 - p is never rounded to zero.

    For the gradient, ∂log(1 - p_c)/∂z_k is -p_c for k = c, and p_c p_k / (1 - p_c) for k ≠ c, where p_k / (1 - p_c) is
    the probability of k given that it is not c. With v_c = (1 - t_c) p_c:

        ∂L/∂z_k = 1/n [p_k Σ_c t_c - t_k + v_k - Σ_{c≠k} v_c p_k / (1 - p_c)]

    In the last sum the term of c = m is v_m · softmax(z without m)_k, finite where p_m rounds to one.

    The notebook prints this loss but trains with the gradient of `cross_entropy`; here the gradient is its own.

    Args:
        logits: the output of the network, before softmax; at least two classes.
        targets: the classes as integers, or one row of probabilities per sample.
        divisor: n, the number of samples in the mean; the batch size if None.

    Shape:
        logits: (N, C), C >= 2.
        targets: (N,) integers, or (N, C).
        returns: () and (N, C).

    Raises:
        ValueError: as for `cross_entropy`, and if C < 2.
    """
    rows = as_rows(logits, targets)
    if logits.shape[1] < 2:
        raise ValueError(f"expected logits of at least two classes, got shape {tuple(logits.shape)}")
    n = len(logits) if divisor is None else divisor
    log_probs, probs = softmax(logits)
    # m, the most probable class of each row, and log(1 - p_m) from the other classes
    is_top = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, logits.argmax(dim=1, keepdim=True), True)
    log_rest_of_top = torch.logsumexp(log_probs.masked_fill(is_top, -torch.inf), dim=1, keepdim=True)
    log_rest = torch.where(is_top, log_rest_of_top, torch.log1p(-probs))
    loss = -(rows * log_probs + (1 - rows) * log_rest).sum() / n
    with torch.no_grad():
        v = (1 - rows) * probs
        v_over_rest = (v / (1 - probs)).masked_fill(is_top, 0)  # v_c / (1 - p_c) of c ≠ m
        _, softmax_without_top = softmax(logits.masked_fill(is_top, -torch.inf))
        grad_logits = (
            probs * rows.sum(dim=1, keepdim=True)
            - rows
            + v
            - probs * (v_over_rest.sum(dim=1, keepdim=True) - v_over_rest)
            - (v * is_top).sum(dim=1, keepdim=True) * softmax_without_top
        ) / n
    return loss, grad_logits
