"""Only the matrix products of a step: a lower bound for any implementation that uses the same library."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from torchnet.engine.matmul_precision import float32_products


def matmul_loop(sizes: Sequence[int], batch: int) -> Callable[[Tensor], None]:
    """Return a function that computes the products of one step per row of an order; it ignores the samples.

    The operands have the layouts of torchnet's layers, and all outputs are preallocated.
    """
    x = [torch.rand(batch, size) for size in sizes]  # the input of each layer, and the logits
    grad = [torch.rand(batch, size) for size in sizes]  # the gradients of these
    # Divided by fan_in, so that values neither grow nor shrink: overflow or denormal numbers could cost time.
    weights = [torch.rand(fan_out, fan_in) / fan_in for fan_in, fan_out in pairwise(sizes)]
    grad_weights = [torch.empty_like(weight) for weight in weights]

    @float32_products(torch.device("cpu"))  # the library that torchnet uses
    def run(order: Tensor) -> None:
        for _ in order:
            for i, weight in enumerate(weights):
                torch.mm(x[i], weight.T, out=x[i + 1])
            for i in reversed(range(len(weights))):
                torch.mm(grad[i + 1].T, x[i], out=grad_weights[i])
                if i > 0:  # the gradient of the images is not needed
                    torch.mm(grad[i + 1], weights[i], out=grad[i])

    return run


def flops(sizes: Sequence[int], batch: int) -> int:
    """Return the number of additions and multiplications in these products."""
    layers = list(pairwise(sizes))
    return sum((6 if i > 0 else 4) * batch * fan_in * fan_out for i, (fan_in, fan_out) in enumerate(layers))
