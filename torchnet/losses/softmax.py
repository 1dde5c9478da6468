"""The softmax of the logits and its logarithm.

Softmax is part of the loss. Separately, the derivative of softmax is a full matrix a sample and its logarithm meets
log(0); together, the matrix cancels and every value is finite as long as the differences of a row's logits are.
"""

from torch import Tensor


def softmax(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return log p and p, where p is the softmax of each row, both from the exponentials: exp(log p) loses digits.

    Shape:
        logits: (N, C).
        returns: (N, C) and (N, C).
    """
    # Shifted by the maximum of each row, so that the largest exponential is e⁰ = 1. Softmax does not see a shift:
    # for a derivative the maximum is a constant.
    shifted = logits - logits.amax(dim=1, keepdim=True).detach()
    exponentials = shifted.exp()
    total = exponentials.sum(dim=1, keepdim=True)
    return shifted - total.log(), exponentials / total
