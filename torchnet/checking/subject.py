"""The one form of everything that is checked: a forward over named tensors, and its hand-written backward."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

Tensors = dict[str, Tensor]
Outputs = tuple[Tensor, ...]
Gradients = dict[str, Tensor | None]
Loss = Callable[..., tuple[Tensor, Tensor]]


class SubjectError(ValueError):
    """What was handed over cannot be checked as it is."""


@dataclass(frozen=True)
class Subject:
    """A function of named tensors and its hand-written backward.

    Attributes:
        name: what the report calls it.
        tensors: the weights and inputs that gradients are taken of, as they were handed over.
        first_input: the name of the first input among them, which tells the batch size.
        forward: tensors -> outputs; a pure function, in whatever dtype the tensors have.
        backward: (tensors, grad_outputs) -> gradients by name, None for one that was not written. The backward of a
            module takes two more: the module that is to make the passes, a fresh one if None; and input_grad.
        module: the module, if it is one: its layers can be checked one by one.
        args: what the module is called with.
        loss: the loss behind the module, if there is one.
        targets: what the loss is called with after the logits.
        is_loss: whether the only output is a loss, whose upstream gradient is 1 by definition.
        notes: what the reader of a report has to know.
    """

    name: str
    tensors: Tensors
    first_input: str
    forward: Callable[[Tensors], Outputs]
    backward: Callable[..., Gradients]
    module: nn.Module | None = None
    args: tuple[Any, ...] = ()
    loss: Loss | None = None
    targets: tuple[Any, ...] = field(default=())
    is_loss: bool = False
    notes: tuple[str, ...] = ()


def at_dtype(subject: Subject, dtype: torch.dtype) -> Subject:
    """Return the subject with its tensors, as they are now, written in another dtype."""
    return replace(subject, tensors={name: tensor.to(dtype) for name, tensor in subject.tensors.items()})


def copies(tensors: Tensors) -> Tensors:
    """Return a copy of each tensor, for a pass that may change what it is given."""
    return {name: tensor.clone() for name, tensor in tensors.items()}
