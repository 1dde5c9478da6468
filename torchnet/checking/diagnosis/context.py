"""Context: what is known about the passes of a wrong gradient, and when two gradients are the same."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from torchnet.checking.oracles.autograd import autograd
from torchnet.checking.subjects.subject import Outputs, Subject, Tensors

SAME = 1e-8  # the largest difference between results of the same formula, relative to the norm
_EXPLAINS = 1e-2  # the largest rest of an explained error
LARGE = 1_000_000  # elements, above which only cheap comparisons are made


@dataclass(frozen=True)
class Context:
    """What is known about the forward and backward pass of a wrong gradient, in float64.

    Attributes:
        subject: the subject that was differentiated.
        outputs: the outputs of its forward.
        grad_outputs: the upstream gradient.
        changed: the tensors that its backward modified, with their new values.
        truths: the true gradients of all tensors, where they are known.
        dtype: the dtype of a kernel; None if everything was computed in float64.
        accuracy: the error of its reference in that dtype, relative to the norm.
        error: the norm of what is wrong with the gradient that is diagnosed; a mistake explains nearly all of it.
        deadline: the time, of time.monotonic, after which nothing else is computed.
    """

    subject: Subject
    outputs: Outputs
    grad_outputs: Outputs
    changed: Tensors
    truths: Tensors
    dtype: torch.dtype | None = None
    accuracy: float = 0.0
    error: float = math.inf
    deadline: float = math.inf

    @property
    def same_error(self) -> float:
        """The largest difference between results of the same formula, relative to the norm."""
        return max(SAME, 4 * self.accuracy)

    @property
    def tensors(self) -> Tensors:
        """All tensors that a formula of the backward pass can contain, by name."""
        known = dict(self.subject.tensors) | {
            name: x.double() for name, x in self.subject.constants.items() if x.is_floating_point()
        }
        if len(self.outputs) == 1 and not self.subject.is_loss:
            known |= {"grad_output": self.grad_outputs[0], "output": self.outputs[0]}
        return known

    @property
    def sizes(self) -> dict[int, str]:
        """The numbers that a mean may divide by, with what they count."""
        first = self.subject.first_input
        counted: dict[int, list[str]] = {}
        for n in self.subject.tensors[first].shape[:1] if first in self.subject.tensors else ():
            counted[n] = [f"N, the first dimension of {first}"]
        for what, tensor in ({"output": self.outputs[0]} | self.subject.tensors | self.subject.constants).items():
            for i, n in enumerate(tensor.shape):
                if i > 0 or n not in counted:  # the first dimension of many tensors is N, already counted
                    counted.setdefault(n, []).append(f"dimension {i} of {what}")
            counted.setdefault(tensor.numel(), []).append(f"the number of elements of {what}")
        return {n: " and ".join(names[:2]) for n, names in counted.items()}

    def same(self, a: Tensor, b: Tensor | None) -> bool:
        """Whether two gradients are the same up to rounding, which is far less than what is wrong."""
        if b is None or a.shape != b.shape or not same(a, b, self.same_error):
            return False
        return float((a - b).nan_to_num().norm()) <= _EXPLAINS * self.error

    def gradients(
        self, tensors: Tensors | None = None, grad_outputs: Outputs | None = None, constants: Tensors | None = None
    ) -> Tensors:
        """Return autograd's gradients at other values; none if it does not apply."""
        if time.monotonic() > self.deadline:
            return {}
        subject = replace(self.subject, tensors=self.subject.tensors | (tensors or {}))
        if constants:
            forward = subject.forward
            subject = replace(subject, forward=lambda tensors: forward(tensors | constants))
        return autograd_or_none(subject, self.grad_outputs if grad_outputs is None else grad_outputs)


def same(a: Tensor, b: Tensor | None, error: float = SAME) -> bool:
    """Whether two gradients are the same up to rounding, where both are known (not NaN)."""
    if b is None or a.shape != b.shape:
        return False
    known = ~(a.isnan() | b.isnan())
    if not known.all():
        a, b = a[known], b[known]
    return a.numel() > 0 and float((a - b).norm()) <= error * float(b.norm())


def autograd_or_none(subject: Subject, grad_outputs: Outputs) -> Tensors:
    """Return autograd's gradients; none if it does not apply, for example because every path is cut."""
    try:
        return autograd(subject, grad_outputs)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception:  # the forward may refuse other values
        return {}


def exchanged(grad_outputs: Outputs) -> Iterator[tuple[int, int, Outputs]]:
    """Yield the upstream gradients with two of equal shape exchanged."""
    for i, first in enumerate(grad_outputs):
        for j in range(i + 1, len(grad_outputs)):
            if grad_outputs[j].shape == first.shape:
                moved = list(grad_outputs)
                moved[i], moved[j] = moved[j], moved[i]
                yield i, j, tuple(moved)
