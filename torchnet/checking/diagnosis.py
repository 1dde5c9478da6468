"""Name the kind of mistake that a wrong gradient looks like.

The hand-written gradient is compared with the true one and with those of common mistakes. The first match decides.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from torchnet.checking.formulas import SAME, autograd_or_none, formula_of, meaning_of, same, with_one_path_cut
from torchnet.checking.report import Diagnosis
from torchnet.checking.rounding import smallest_dtype_of
from torchnet.checking.subject import Outputs, Subject, Tensors, copies


@dataclass(frozen=True)
class Context:
    """What is known about the forward and backward pass of a wrong gradient, in float64.

    Attributes:
        subject: the subject that was differentiated.
        outputs: the outputs of its forward.
        grad_outputs: the upstream gradient.
        changed: the tensors that its backward modified, with their new values.
        truths: the true gradients of all tensors, where they are known.
    """

    subject: Subject
    outputs: Outputs
    grad_outputs: Outputs
    changed: Tensors
    truths: Tensors

    @property
    def tensors(self) -> Tensors:
        """All tensors that a formula of the backward pass can contain, by name."""
        known = dict(self.subject.tensors)
        if len(self.outputs) == 1 and not self.subject.is_loss:
            known |= {"grad_output": self.grad_outputs[0], "output": self.outputs[0]}
        return known

    @property
    def sizes(self) -> dict[int, str]:
        """The numbers that a mean may divide by, with what they count."""
        first = self.subject.first_input
        counted: dict[int, list[str]] = {}
        for n in self.subject.tensors[first].shape[:1]:
            counted[n] = [f"N, the first dimension of {first}"]
        for what, tensor in ({"output": self.outputs[0]} | self.subject.tensors).items():
            for i, n in enumerate(tensor.shape):
                if i > 0 or n not in counted:  # the first dimension of many tensors is N, already counted
                    counted.setdefault(n, []).append(f"dimension {i} of {what}")
            counted.setdefault(tensor.numel(), []).append(f"the number of elements of {what}")
        return {n: " and ".join(names[:2]) for n, names in counted.items()}


def diagnose(name: str, hand: Tensor | None, true: Tensor, context: Context) -> Diagnosis:
    """Return the kind of mistake; hand is None if no gradient was written, true is NaN where it is not known."""
    if hand is None:
        return Diagnosis("missing", "backward writes no gradient for it")
    for other, gradient in context.truths.items():
        if other != name and same(hand, gradient) and not same(hand, true):
            return Diagnosis("swapped", f"it is the true gradient of {other}")
    if hand.shape != true.shape:
        return _wrong_shape(hand, true, context)
    return next(_mistakes(name, hand, true, context), Diagnosis("unknown", "it matches no known kind of mistake"))


def _mistakes(name: str, hand: Tensor, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Yield the kinds of mistake that the gradient looks like, the first one found before the others are tried."""
    subject, output = context.subject, context.outputs[0]
    if not hand.isfinite().all():
        share = float((~hand.isfinite()).double().mean())
        yield Diagnosis("not finite", f"{share:.0%} of its elements are Inf or NaN")
        return
    if hand.count_nonzero() == 0:
        yield Diagnosis("missing", "it is zero everywhere")

    def is_gradient(tensors: Tensors, grad_outputs: Outputs = context.grad_outputs) -> bool:
        """Whether the gradient is right for other values of some tensors, or for another upstream gradient."""
        other = replace(subject, tensors=subject.tensors | tensors)
        return same(hand, autograd_or_none(other, grad_outputs).get(name))

    if context.changed and is_gradient(context.changed):
        text = f"it is the gradient at the values that backward assigned to {', '.join(context.changed)}"
        text += ": propagate the gradient first, update the weights afterwards"
        yield Diagnosis("update before propagate", text)
    yield from _constant_factor(hand, true, context)
    if hand.dim() == 2 and hand.shape[0] == hand.shape[1] and same(hand.T, true):
        yield Diagnosis("transposed", "it is the transpose of the true gradient")
    yield from _one_slice(hand, true)
    if not subject.is_loss:
        if is_gradient({}, tuple(torch.ones_like(grad) for grad in context.grad_outputs)):
            yield Diagnosis("grad_output", "it is the gradient for a grad_output of ones: multiply by grad_output")
        if subject.tensors[name].shape == output.shape and is_gradient({name: output}):
            text = f"it is the derivative evaluated at the output instead of at {name}: f'(f(x)), not f'(x)"
            yield Diagnosis("activation derivative", text)
    for what, gradients in with_one_path_cut(subject, context.grad_outputs):
        if same(hand, gradients.get(name)):
            yield Diagnosis("missing path", f"the contribution through {what} is missing; the rest is right")
    yield from _formula(hand, true, context)
    yield from _rounding(hand, true, context)


def _wrong_shape(hand: Tensor, true: Tensor, context: Context) -> Diagnosis:
    text = f"it has shape {tuple(hand.shape)}, its tensor {tuple(true.shape)}"
    if hand.dim() == true.dim() == 2 and same(hand.T, true):
        return Diagnosis("transposed", f"{text}: it is the transpose of the true gradient")
    if hand.numel() == true.numel() and same(hand.reshape(true.shape), true):
        return Diagnosis("shape", f"{text}: the values are right")
    if found := formula_of(hand, context.tensors):
        kind, formula = found
        return Diagnosis("wrong axis" if kind == "sum" else "shape", f"{text}: it equals {formula}")
    return Diagnosis("shape", text)


def _constant_factor(hand: Tensor, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    h, t = _known(hand, true)
    factor = float((h * t).sum() / (t * t).sum())
    rest = float((h - factor * t).norm() / t.norm())
    if not math.isfinite(factor) or rest > min(SAME * abs(factor), 1e-3 * abs(factor - 1)):
        return
    if math.isclose(factor, -1, rel_tol=SAME):
        yield Diagnosis("sign", "it is the true gradient with the opposite sign")
    meaning = meaning_of(factor, context.sizes)
    if h.numel() > 1 or meaning:  # a single number is always a multiple of another
        number = f"1 {'+' if factor > 1 else '-'} {abs(factor - 1):.3g}" if abs(factor - 1) < 1e-4 else f"{factor:.7g}"
        yield Diagnosis("constant factor", f"it is the true gradient times {number}{meaning and f' ({meaning})'}")


def _one_slice(hand: Tensor, true: Tensor) -> Iterator[Diagnosis]:
    difference = (hand - true).abs().nan_to_num(0)
    wrong = difference > 1e-10 * true.abs().nan_to_num(0).max()
    count = int(wrong.sum())
    if count == 1 and wrong.numel() > 2:
        index = tuple(int(i) for i in wrong.nonzero()[0])
        yield Diagnosis("one element", f"only the element at {index} is wrong")
    for axis, size in enumerate(hand.shape):
        others = [i for i in range(hand.dim()) if i != axis]
        rows = (wrong.any(dim=others) if others else wrong).nonzero().flatten().tolist()
        if size > 2 and len(rows) == 1 and 2 * count > wrong.select(axis, rows[0]).numel():
            where = {0: " (the first)", size - 1: " (the last)"}.get(rows[0], "")
            yield Diagnosis("one slice", f"only index {rows[0]}{where} of axis {axis} is wrong")


def _formula(hand: Tensor, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    found, should = formula_of(hand, context.tensors), formula_of(true, context.tensors)
    if found is None:
        return
    kind, formula = found
    text = f"it equals {formula}" + (f"; the true gradient is {should[1]}" if should else "")
    if kind == "upstream":
        yield Diagnosis("activation derivative", f"{text}: the derivative is missing")
    elif kind == "elementwise":
        yield Diagnosis("activation derivative", f"{text}: the factor is not the derivative at the input")
    elif should is not None and should[0] != kind:
        yield Diagnosis("unknown", text)
    elif kind == "product":
        yield Diagnosis("transposed", f"{text}: a transpose is missing or superfluous")
    else:
        yield Diagnosis("wrong axis", f"{text}: it is summed over the wrong axis")


def _rounding(hand: Tensor, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Recognize an error of the size of a smaller dtype's rounding, if backward uses such a dtype."""
    h, t = _known(hand, true)
    error = float((h - t).norm() / t.norm())
    dtype: torch.dtype | None = torch.float32
    if not torch.equal(h.float().double(), h):
        subject = context.subject
        dtype = smallest_dtype_of(lambda: subject.backward(copies(subject.tensors), context.grad_outputs))
    if dtype is None or error > 100 * torch.finfo(dtype).eps:
        return
    name = str(dtype).removeprefix("torch.")
    text = f"its error is {error:.1e} of its norm, which is rounding: a part of it is computed in {name}"
    yield Diagnosis("rounding", text)


def _known(hand: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    known = ~true.isnan()
    return hand[known], true[known]
