"""Paths of the forward pass whose contribution to a gradient is missing, counted twice, or has a wrong factor."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from torchnet.checking.diagnosis.context import Context, autograd_or_none
from torchnet.checking.diagnosis.factors import meaning_of, written
from torchnet.checking.reports.report import Diagnosis
from torchnet.checking.subjects.subject import Tensors

_PRODUCTS = (
    torch.matmul,
    torch.mm,
    torch.bmm,
    Tensor.matmul,
    Tensor.mm,
    Tensor.bmm,
    Tensor.__matmul__,
    functional.linear,
)
_LINEAR = (Tensor.detach, Tensor.contiguous, Tensor.clone, Tensor.view, Tensor.reshape)
_NOT_CUT = (Tensor.requires_grad_, Tensor.clone, Tensor.to)  # these prepare the inputs of the forward pass
_MOST_CUTS = 64  # arguments of operations that are cut
_WORK = 3e7  # elements in all passes together


def path_mistake(name: str, hand: Tensor, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Compare what is wrong with the contribution of each path: each argument of each operation, and each output."""
    if true.isnan().any():
        return
    factors: list[tuple[str, float]] = []
    for what, without in _contributions(name, context):
        part = true - without
        size = float(part.norm())
        if size <= 1e-6 * float(true.norm()) or not part.isfinite().all():
            continue
        # hand = without + factor * part
        difference = hand - without
        factor = float((difference * part).sum() / (part * part).sum())
        if abs(factor - 1) < 10 * context.accuracy:
            continue
        if float((difference - factor * part).norm()) <= context.same_error * max(
            float(true.norm()), float(hand.norm())
        ):
            factors.append((what, factor))
            if (diagnosis := _plain(what, factor, context)) is not None:
                yield diagnosis
    for what, factor in factors[:1]:
        meaning = meaning_of(factor, context)
        if true.numel() == 1 and not meaning:  # a single number is always a multiple of another
            return
        yield Diagnosis(
            "path factor",
            f"the contribution through {what} is multiplied by {written(factor)}{meaning and f' ({meaning})'}; the "
            "rest is right",
        )


def _plain(what: str, factor: float, context: Context) -> Diagnosis | None:
    """Return a diagnosis if the contribution is missing, doubled or negative."""
    close = max(1e-6, context.same_error)
    if abs(factor) < close:
        return Diagnosis("missing path", f"the contribution through {what} is missing; the rest is right")
    if abs(factor - 2) < close:
        return Diagnosis("path twice", f"the contribution through {what} is counted twice; the rest is right")
    if abs(factor + 1) < close:
        return Diagnosis("path sign", f"the contribution through {what} has the wrong sign; the rest is right")
    return None


def _contributions(name: str, context: Context) -> Iterator[tuple[str, Tensor]]:
    """Yield descriptions of paths, and the gradient without them."""
    grads = context.grad_outputs
    if len(grads) > 1:
        for i, grad in enumerate(grads):
            without = context.gradients(grad_outputs=(*grads[:i], torch.zeros_like(grad), *grads[i + 1 :])).get(name)
            if without is not None:
                yield f"output {i}", without
    for what, gradients in changed_paths(context, _cut_all):
        yield what, gradients.get(name, torch.zeros_like(context.subject.tensors[name]))
    for what, gradients in changed_paths(context, _cut):
        yield what, gradients.get(name, torch.zeros_like(context.subject.tensors[name]))


def wrong_derivative(name: str, hand: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Recognize one operation of the forward pass whose derivative is left out, transposed, or along another axis."""
    for change, text in (
        (_as_identity, "the derivative of {} is left out"),
        (_transposed, "a transpose is missing or superfluous in the derivative with respect to {}"),
        (_along_another_axis, "the derivative of {} is taken along another axis"),
        (_before, "it is as if the operation of {} were left out, and what is before it used"),
    ):
        for what, gradients in changed_paths(context, change):
            if context.same(hand, gradients.get(name)):
                yield Diagnosis("wrong derivative", f"{text.format(what)}; the rest is right")


Change = Callable[[Any, int, Any, Any, Any], Any]  # function, argument, args, kwargs, result -> other result, or None


def changed_paths(context: Context, change: Change) -> Iterator[tuple[str, Tensors]]:
    """Yield, for each argument of each operation of the forward pass, its description and the changed gradients."""
    subject = context.subject
    for place in range(int(min(_MOST_CUTS, max(4, _WORK / max(subject.numel, 1))))):
        if time.monotonic() > context.deadline:
            return
        with _Change(place, subject.tensors, change) as mode:
            gradients = autograd_or_none(subject, context.grad_outputs)
        if mode.places <= place:
            return
        if mode.what:
            yield mode.what, gradients


def _cut(function: Any, i: int, args: Any, kwargs: Any, result: Any) -> Any:
    return function(*args[:i], args[i].detach(), *args[i + 1 :], **kwargs)


def _cut_all(function: Any, i: int, args: Any, kwargs: Any, result: Any) -> Any:
    """Cut all arguments that are the same tensor, as in x * x."""
    same = [j for j, x in enumerate(args) if x is args[i]]
    if len(same) < 2 or same[0] != i:
        return None
    return function(*[x.detach() if j in same else x for j, x in enumerate(args)], **kwargs)


def _as_identity(function: Any, i: int, args: Any, kwargs: Any, result: Any) -> Any:
    """Give a function of one tensor the derivative 1."""
    others = [x for x in args if isinstance(x, Tensor) and x is not args[i]]
    if others or not isinstance(result, Tensor) or result.shape != args[i].shape or function in _LINEAR:
        return None
    return result.detach() + args[i] - args[i].detach()


def _before(function: Any, i: int, args: Any, kwargs: Any, result: Any) -> Any:
    """Let later operations see the argument of a function of one tensor in place of its result."""
    others = [x for x in args if isinstance(x, Tensor) and x is not args[i]]
    if others or not isinstance(result, Tensor) or result.shape != args[i].shape or function in _LINEAR:
        return None
    return args[i].detach() + result - result.detach()


def _transposed(function: Any, i: int, args: Any, kwargs: Any, result: Any) -> Any:
    """Differentiate a product of matrices as if the other one were transposed."""
    if function not in _PRODUCTS or len(args) < 2 or i > 1 or not isinstance(args[1 - i], Tensor):
        return None
    other = args[1 - i]
    if other.dim() < 2 or other.shape[-1] != other.shape[-2]:
        return None
    pair = [args[i].detach(), args[i].detach()]
    pair[1 - i] = other
    wrong = [args[i], args[i]]
    wrong[1 - i] = other.detach().mT
    rest = args[2:]
    return function(*pair, *rest, **kwargs) + (found := function(*wrong, *rest, **kwargs)) - found.detach()


def _along_another_axis(function: Any, i: int, args: Any, kwargs: Any, result: Any) -> Any:
    """Differentiate a softmax, a mean or a sum as if it were taken along another axis."""
    x = args[i]
    if i != 0 or x.dim() != 2 or not isinstance(result, Tensor):
        return None
    dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
    if not isinstance(dim, int):
        return None
    other = 1 - dim % 2
    wrong = function(x, **{**kwargs, "dim": other}) if "dim" in kwargs else function(x, other, *args[2:], **kwargs)
    if wrong.shape != result.shape:
        return None
    return result.detach() + wrong - wrong.detach()


class _Change(TorchFunctionMode):
    """Change one argument of one operation of the forward pass: `place` counts the arguments that have a gradient."""

    def __init__(self, place: int, tensors: Tensors, change: Change) -> None:
        super().__init__()
        self.place, self.tensors, self.change = place, tensors, change
        self.places, self.operations, self.what = 0, 0, ""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func in _NOT_CUT or not _requires_grad(result):
            return result
        self.operations += 1
        for i, x in enumerate(args):
            if isinstance(x, Tensor) and x.requires_grad:
                self.places += 1
                if self.places - 1 != self.place:
                    continue
                try:
                    changed = self.change(func, i, args, kwargs, result)
                except (RuntimeError, TypeError, IndexError):
                    continue
                if changed is not None:
                    self.what, result = self._description(func, i, x), changed
        return result

    def _description(self, func: Any, i: int, x: Tensor) -> str:
        names = [name for name, t in self.tensors.items() if x.shape == t.shape and torch.equal(x, t)]
        which = f"{i} ({names[0]})" if names else f"{i}"
        name = func.__name__.strip("_") if func.__name__ != "__get__" else func.__self__.__name__  # a property
        return f"argument {which} of {name} (operation {self.operations} of the forward pass)"


def _requires_grad(result: Any) -> bool:
    if isinstance(result, (tuple, list)):
        return any(map(_requires_grad, result))
    return isinstance(result, Tensor) and result.requires_grad
