"""Samples, rows or steps whose contribution to a gradient is missing: parts of the upstream gradient."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from torchnet.checking.diagnosis.context import LARGE, Context
from torchnet.checking.reports.report import Diagnosis

_LONGEST = 12  # an axis of grad_output whose indices are left out one by one


def other_upstream(name: str, hand: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Recognize the gradient for another upstream gradient: exchanged, reversed, shifted, or with parts left out."""
    grads = context.grad_outputs
    if context.subject.is_loss or context.subject.numel > LARGE:
        return
    for k, grad in enumerate(grads):
        which = "grad_output" if len(grads) == 1 else f"the upstream gradient of output {k}"

        def gradient(changed: Tensor, k: int = k) -> Tensor | None:
            return context.gradients(grad_outputs=(*grads[:k], changed, *grads[k + 1 :])).get(name)

        for axis, size in enumerate(grad.shape):
            if not 1 < size <= 4 * _LONGEST:
                continue
            changes = [
                (grad.flip(axis), "reversed"),
                (grad.roll(1, axis), "shifted by 1"),
                (grad.roll(-1, axis), "shifted by -1"),
            ]
            if size % 2 == 0:
                changes.append((grad.roll(size // 2, axis), "with its halves exchanged"))
            changes.append((grad.sum(axis, keepdim=True).expand(grad.shape), "summed"))
            changes.append((grad.mean(axis, keepdim=True).expand(grad.shape), "averaged"))
            for changed, what in changes:
                if context.same(hand, gradient(changed)):
                    yield Diagnosis("grad_output", f"it is the gradient for {which} {what} along axis {axis}")
            if size <= _LONGEST:
                yield from _left_out(hand, grad, axis, which, gradient, context)
        if grad.dim() == 2 and grad.shape[0] == grad.shape[1] and context.same(hand, gradient(grad.mT.contiguous())):
            yield Diagnosis("transposed", f"it is the gradient for {which} transposed")
        if grad.shape[-1:] == (2,):
            conjugate = grad * torch.tensor([1.0, -1.0], dtype=grad.dtype, device=grad.device)
            if context.same(hand, gradient(conjugate)):
                yield Diagnosis("conjugate", f"it is the gradient for the complex conjugate of {which}")


def _left_out(
    hand: Tensor, grad: Tensor, axis: int, which: str, gradient: Any, context: Context
) -> Iterator[Diagnosis]:
    """Write the gradient as a sum of the contributions of each index of an axis, each with a factor of its own."""
    parts = []
    for i in range(grad.shape[axis]):
        only = torch.zeros_like(grad)
        only.select(axis, i).copy_(grad.select(axis, i))
        part = gradient(only)
        if part is None:
            return
        parts.append(part.flatten())
    matrix = torch.stack(parts, dim=1)
    if hand.numel() <= matrix.shape[1] or not matrix.isfinite().all():
        return
    factors = torch.linalg.lstsq(matrix.cpu(), hand.flatten()[:, None].cpu(), driver="gelsd").solution[:, 0]
    if not context.same(matrix.cpu() @ factors, hand.flatten().cpu()):
        return
    close = max(1e-6, 10 * context.same_error)
    numbers = [i for i, part in enumerate(parts) if float(part.norm()) > 1e-9 * float(hand.norm())]
    missing = [i for i in numbers if abs(float(factors[i])) < close]
    twice = [i for i in numbers if abs(float(factors[i]) - 2) < close]
    rest = [i for i in numbers if i not in missing and i not in twice and abs(float(factors[i]) - 1) >= close]
    for indices, what in ((missing, "are missing"), (twice, "are counted twice")):
        if indices and not rest and len(indices) < len(numbers):
            which_ones = ", ".join(map(str, indices))
            yield Diagnosis(
                "missing path",
                f"the contributions of the indices {which_ones} of axis {axis} of {which} {what} (samples, rows, "
                "steps or blocks); the rest is right",
            )
