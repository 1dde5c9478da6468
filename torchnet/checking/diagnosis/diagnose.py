"""Name the kind of mistake that a wrong gradient looks like, or the place where it is wrong.

The hand-written gradient is compared with the true one and with those of common mistakes. The first match decides.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from torchnet.checking.diagnosis.context import Context
from torchnet.checking.diagnosis.factors import constant_factor, known, tensor_factor
from torchnet.checking.diagnosis.formulas import formula_of
from torchnet.checking.diagnosis.orders import another_order
from torchnet.checking.diagnosis.other_values import at_other_values, exchanged_by_hand, for_another_number
from torchnet.checking.diagnosis.paths import path_mistake, wrong_derivative
from torchnet.checking.diagnosis.places import one_place, places
from torchnet.checking.diagnosis.samples import other_upstream
from torchnet.checking.diagnosis.structure import difference_structure, multiple_of_tensor, nearly_right, small_error
from torchnet.checking.dispatch import smallest_dtype_of
from torchnet.checking.reports.report import Diagnosis


def diagnose(name: str, hand: Tensor | None, true: Tensor, context: Context) -> Diagnosis:
    """Return the kind of mistake; hand is None if no gradient was written, true is NaN where it is not known."""
    if hand is None:
        hint = ""
        if name in context.subject.inputs:
            hint = ". None by design? Pass the others with requires_grad=True"
        return Diagnosis("missing", f"backward writes no gradient for it{hint}")
    hand = hand.to(true.dtype)
    if hand.shape == true.shape:
        error = float((hand - true).nan_to_num(0, 0, 0).norm())
        context = replace(context, error=error, deadline=time.monotonic() + _SECONDS)
    for other, gradient in context.truths.items():
        if other != name and context.same(hand, gradient) and not context.same(hand, true):
            return Diagnosis("swapped", f"it is the true gradient of {other}")
    if hand.shape != true.shape:
        return _wrong_shape(hand, true, context)
    found = next(_mistakes(name, hand, true, context), Diagnosis("unknown", "it matches no known kind of mistake"))
    if found.kind in _WITHOUT_PLACE:
        return found
    place = next(places(name, hand, true, context), None)
    if place is None or place.text == found.text:
        return found
    return Diagnosis(
        place.kind if found.kind == "unknown" else found.kind,
        place.text if found.kind == "unknown" else f"{found.text}. {place.text[0].upper()}{place.text[1:]}",
    )


_MOST_TENSORS = 6  # of a subject for which every other computation is tried
_SECONDS = 3.0  # for the search for the mistake in one tensor
_WITHOUT_PLACE = {"not finite", "missing", "one element", "one slice", "sign", "constant factor", "swapped", "rounding"}


def _mistakes(name: str, hand: Tensor, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Yield the kinds of mistake that the gradient looks like, the first one found before the others are tried."""
    if not hand.isfinite().all():
        share = float((~hand.isfinite()).double().mean())
        yield Diagnosis("not finite", f"{share:.0%} of its elements are Inf or NaN")
        return
    if hand.count_nonzero() == 0:
        yield Diagnosis("missing", "it is zero everywhere")
    if float(true.abs().nan_to_num().max()) <= 1e-10 * float(hand.abs().max()):
        text = "it should be zero everywhere: the output does not depend on it"
        also = formula_of(hand, context.tensors, context.same_error)
        if also is not None and also[0] == "upstream":
            text += ". If this is meant, as in a straight-through estimator, pass expected="
        yield Diagnosis("should be zero", text + (f"; it equals {also[1]}" if also else ""))
    if context.changed and context.same(hand, context.gradients(context.changed).get(name)):
        text = f"it is the gradient at the values that backward assigned to {', '.join(context.changed)}"
        text += ": propagate the gradient first, update the weights afterwards"
        yield Diagnosis("update before propagate", text)
    yield from constant_factor(hand, true, context)
    if name not in context.subject.tensors:  # an output: it has no gradient
        yield from another_order(hand, true, context)
        yield from one_place(hand, true, context)
        yield from tensor_factor(hand, true, context)
        yield from _rounding(hand, true, context)
        yield from difference_structure(hand, true, context)
        return
    yield from for_another_number(name, hand, context)
    yield from another_order(hand, true, context)
    yield from one_place(hand, true, context)
    if len(context.subject.tensors) <= _MOST_TENSORS:  # the parts of a network are checked on their own
        yield from at_other_values(name, hand, context)
        yield from path_mistake(name, hand, true, context)
        yield from _formula(hand, true, context)
        yield from tensor_factor(hand, true, context)
        yield from wrong_derivative(name, hand, context)
        yield from other_upstream(name, hand, context)
    yield from exchanged_by_hand(name, true, context)
    yield from _rounding(hand, true, context)
    yield from multiple_of_tensor(hand, true, context)
    yield from small_error(hand, true, context)
    yield from difference_structure(hand, true, context)
    if not any(True for _ in places(name, hand, true, context)):
        yield from nearly_right(hand, true)


def _wrong_shape(hand: Tensor, true: Tensor, context: Context) -> Diagnosis:
    text = f"it has shape {tuple(hand.shape)}, its tensor {tuple(true.shape)}"
    if hand.dim() == true.dim() == 2 and context.same(hand.T, true):
        return Diagnosis("transposed", f"{text}: it is the transpose of the true gradient")
    if hand.numel() == true.numel() and context.same(hand.reshape(true.shape), true):
        return Diagnosis("shape", f"{text}: the values are right")
    if _is_broadcast(hand, true) and context.same(hand.sum_to_size(true.shape), true):
        return Diagnosis("shape", f"{text}: sum it over the dimensions that were broadcast")
    if found := formula_of(hand, context.tensors, context.same_error):
        kind, formula = found
        return Diagnosis("wrong axis" if kind == "sum" else "shape", f"{text}: it equals {formula}")
    return Diagnosis("shape", text)


def _is_broadcast(hand: Tensor, true: Tensor) -> bool:
    try:
        return torch.broadcast_shapes(hand.shape, true.shape) == hand.shape
    except RuntimeError:
        return False


def _formula(hand: Tensor, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    error = context.same_error
    found, should = formula_of(hand, context.tensors, error), formula_of(true, context.tensors, error)
    missing = formula_of(true - hand, context.tensors, error)
    if found is not None:
        kind, formula = found
        text = f"it equals {formula}" + (f"; the true gradient is {should[1]}" if should else "")
        if missing and not should:
            yield Diagnosis("missing path", f"{text}; the term {missing[1]} is missing")
        if kind == "upstream":
            yield Diagnosis("activation derivative", f"{text}: the derivative is missing")
        elif kind == "elementwise":
            yield Diagnosis("activation derivative", f"{text}: the factor is not the derivative at the input")
        elif should is not None and should[0] != kind:
            yield Diagnosis("unknown", text)
        elif kind == "product" and should is None:
            yield Diagnosis(
                "missing path", f"{text}, the gradient of a plain product: another path or a factor is missing"
            )
        elif kind == "product":
            yield Diagnosis("transposed", f"{text}: a transpose is missing or superfluous")
        elif kind == "sum" and hand.shape == true.shape and should is None:
            yield Diagnosis(
                "unknown sum", f"{text}: a factor or a term is missing, or it is summed over the wrong axis"
            )
        elif kind == "sum":
            yield Diagnosis("wrong axis", f"{text}: it is summed over the wrong axis")
    if missing:
        yield Diagnosis("missing path", f"the term {missing[1]} is missing; the rest is right")
    if superfluous := formula_of(hand - true, context.tensors, error):
        yield Diagnosis("superfluous term", f"the term {superfluous[1]} is superfluous; the rest is right")


def _rounding(hand: Tensor, true: Tensor, context: Context) -> Iterator[Diagnosis]:
    """Recognize an error of the size of a smaller dtype's rounding, if backward uses such a dtype."""
    h, t = known(hand, true)
    error = float((h - t).norm() / t.norm())
    if context.dtype is not None:
        if error < 10 * context.accuracy:
            name = str(context.dtype).removeprefix("torch.")
            yield Diagnosis(
                "rounding",
                f"its error is {error:.1e} of its norm, that of the reference in {name} {context.accuracy:.1e}: is "
                "something accumulated or stored with fewer digits?",
            )
        return
    dtype: torch.dtype | None = torch.float32
    if not torch.equal(h.float().double(), h):
        dtype = smallest_dtype_of(lambda: context.subject.gradients(context.grad_outputs))
    if dtype is None or error > 100 * torch.finfo(dtype).eps:
        return
    name = str(dtype).removeprefix("torch.")
    text = f"its error is {error:.1e} of its norm, which is rounding: a part of it is computed in {name}"
    yield Diagnosis("rounding", text)
