"""Paths of the forward pass whose contribution to a gradient is missing, counted twice, or has a wrong factor."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from torchnet.checking.diagnosis.context import Context, autograd_or_none
from torchnet.checking.diagnosis.factors import meaning_of, written
from torchnet.checking.report import Diagnosis
from torchnet.checking.subjects.subject import Outputs, Subject, Tensors

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
        if float((difference - factor * part).norm()) <= context.same_error * max(
            float(true.norm()), float(hand.norm())
        ):
            factors.append((what, factor))
            if (diagnosis := _plain(what, factor, context)) is not None:
                yield diagnosis
    for what, factor in factors[:1]:
        meaning = meaning_of(factor, context)
        yield Diagnosis(
            "path factor",
            f"the contribution through {what} is multiplied by {written(factor)}{meaning and f' ({meaning})'}; the rest is right",
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
    for what, gradients in with_one_path_cut(context.subject, grads):
        if (without := gradients.get(name)) is not None:
            yield what, without


def with_one_path_cut(subject: Subject, grad_outputs: Outputs) -> Iterator[tuple[str, Tensors]]:
    """Yield, for each argument of each operation of the forward pass, its description and the gradients without it."""
    for place in range(int(min(_MOST_CUTS, max(4, _WORK / max(subject.numel, 1))))):
        with _Cut(place, subject.tensors) as cut:
            gradients = autograd_or_none(subject, grad_outputs)
        if not cut.what:
            return
        yield cut.what, gradients or {name: torch.zeros_like(tensor) for name, tensor in subject.tensors.items()}


class _Cut(TorchFunctionMode):
    """Detach one argument of one operation of the forward pass: `place` counts the arguments that have a gradient."""

    def __init__(self, place: int, tensors: Tensors) -> None:
        super().__init__()
        self.place, self.tensors = place, tensors
        self.places, self.operations, self.what = 0, 0, ""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func in _NOT_CUT or not _requires_grad(result):
            return result
        self.operations += 1
        for i, x in enumerate(args):
            if isinstance(x, Tensor) and x.requires_grad:
                if self.places == self.place:
                    names = [n for n, t in self.tensors.items() if x.shape == t.shape and torch.equal(x, t)]
                    which = f"{i} ({names[0]})" if names else f"{i}"
                    function = func.__name__.strip("_")
                    self.what = f"argument {which} of {function} (operation {self.operations} of the forward pass)"
                    result = func(*args[:i], x.detach(), *args[i + 1 :], **kwargs)
                self.places += 1
        return result


def _requires_grad(result: Any) -> bool:
    if isinstance(result, (tuple, list)):
        return any(map(_requires_grad, result))
    return isinstance(result, Tensor) and result.requires_grad
