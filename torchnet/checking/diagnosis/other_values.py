"""A gradient that is right for other values: another upstream gradient, another number, another tensor."""

from collections.abc import Iterator

import torch
from torch import Tensor

from torchnet.checking.diagnosis.context import LARGE, Context, exchanged
from torchnet.checking.reports.verdict import Diagnosis
from torchnet.checking.subjects.subject import Outputs, Subject, Tensors


def exchanged_by_hand(name: str, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Recognize exchanged upstream gradients without autograd: given exchanged ones, the backward would be right."""
    if context.dtype is None:
        for i, j, moved in exchanged(context.grad_outputs):
            try:
                found = context.subject.gradients(moved).get(name)
            except Exception:
                return
            if found is not None and context.same(found.to(true.dtype), true):
                yield Diagnosis("grad_output", f"the upstream gradients of outputs {i} and {j} are exchanged")


def for_another_number(name: str, hand: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Recognize the gradient for another value of a number among the arguments, such as an epsilon of 0."""
    dtype = context.outputs[0].dtype
    for number, value in context.subject.numbers.items():
        if float(value).is_integer():
            continue  # a count, not a coefficient
        for other in (0.0, 1.0, 1 - value, -value):
            if number in context.subject.arguments and other != value:
                changed = {number: torch.tensor(other, dtype=dtype)}
                if context.same(hand, context.gradients(constants=changed).get(name)):
                    what = f"{number} is forgotten" if other == 0 else f"{number} is {value:g}"
                    yield Diagnosis("another number", f"it is the gradient for {number} = {other:g}: {what}")


def at_other_values(name: str, hand: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Recognize the gradient for another upstream gradient, or at other values of a tensor."""
    subject, grads = context.subject, context.grad_outputs

    def is_gradient(tensors: Tensors | None = None, grad_outputs: Outputs | None = None) -> bool:
        return context.same(hand, context.gradients(tensors, grad_outputs).get(name))

    for i, j, moved in exchanged(grads):
        if is_gradient(grad_outputs=moved):
            yield Diagnosis("grad_output", f"the upstream gradients of outputs {i} and {j} are exchanged")
    if not subject.is_loss:
        for text, change in (
            ("a grad_output of ones: multiply by grad_output", torch.ones_like),
            ("the square of grad_output: it is used twice", torch.square),
            ("the absolute value of grad_output", torch.abs),
        ):
            if is_gradient(grad_outputs=tuple(change(grad) for grad in grads)):
                yield Diagnosis("grad_output", f"it is the gradient for {text}")
    if subject.numel > LARGE:
        return
    for other, x in subject.tensors.items():
        if x.shape == context.outputs[0].shape and is_gradient({other: context.outputs[0]}):
            text = f"it is the derivative evaluated at the output instead of at {other}: f'(f(x)), not f'(x)"
            yield Diagnosis("activation derivative", text)
        for kind, text, changed in _changes(other, x, subject):
            if not torch.equal(changed, x) and is_gradient({other: changed}):
                yield Diagnosis(kind, text)
    if name in subject.complex_names and name in context.truths and context.same(conjugate(hand), context.truths[name]):
        yield Diagnosis("conjugate", "it is the complex conjugate of the true gradient")


def _changes(name: str, x: Tensor, subject: Subject) -> Iterator[tuple[str, str, Tensor]]:
    """Yield a tensor as a mistake may take it: kind, text and value."""
    if name in subject.complex_names:
        yield (
            "conjugate",
            f"it is the gradient at the conjugate of {name}: a conjugate is missing or superfluous",
            conjugate(x),
        )
    yield "sign", f"it is the gradient at -{name}: a sign is wrong where {name} is used", -x
    if x.dim() == 1 and len(subject.tensors) > 1:  # a scale, not the argument of a function
        yield (
            "tensor factor",
            f"it is the gradient for {name} of ones: the factor {name} is missing",
            torch.ones_like(x),
        )
    if x.dim() == 2 and x.shape[0] == x.shape[1]:
        yield "transposed", f"it is the gradient at the transpose of {name}: a transpose is missing", x.mT.contiguous()
    for axis, size in enumerate(x.shape):
        if size % 2 == 0:
            yield (
                "permuted",
                f"it is the gradient for {name} with its halves along axis {axis} exchanged",
                x.roll(size // 2, axis),
            )
        for shift in (1, -1):
            yield (
                "permuted",
                f"it is the gradient for {name} shifted by {shift} along axis {axis}: off by one",
                x.roll(shift, axis),
            )
        yield "permuted", f"it is the gradient for {name} reversed along axis {axis}", x.flip(axis)


def conjugate(x: Tensor) -> Tensor:
    """Return the conjugate of a complex tensor in real form."""
    return x * torch.tensor([1.0, -1.0], dtype=x.dtype, device=x.device)
