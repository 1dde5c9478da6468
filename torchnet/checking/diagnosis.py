"""Which kind of mistake a wrong gradient looks like, in words.

Each detective below knows one kind. It is handed the hand-written gradient, the true one, and the scene: what the
forward pass was given and returned. The first that recognizes its kind is believed.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from torchnet.checking.formulas import SAME, formula_of, meaning_of, same
from torchnet.checking.paths import autograd_if_it_can, with_one_path_cut
from torchnet.checking.rounding import smallest_dtype_of
from torchnet.checking.scene import Diagnosis, Scene
from torchnet.checking.subject import copies


def diagnose(name: str, hand: Tensor | None, true: Tensor, scene: Scene) -> Diagnosis:
    """Name the mistake.

    Args:
        name: of the tensor whose gradient it is.
        hand: the hand-written gradient, None if there is none.
        true: the true gradient, NaN where it is not known.
        scene: where it happened.
    """
    if hand is None:
        return Diagnosis("missing", "backward gives no gradient of it")
    for other, gradient in scene.truths.items():
        if other != name and same(hand, gradient) and not same(hand, true):
            return Diagnosis("swapped", f"it is the true gradient of {other}")
    if hand.shape != true.shape:
        return _wrong_shape(hand, true, scene)
    if not hand.isfinite().all():
        share = float((~hand.isfinite()).double().mean())
        return Diagnosis("not finite", f"{share:.0%} of its elements are infinite or not a number")
    for detective in _DETECTIVES:
        if found := detective(name, hand, true, scene):
            return found
    return Diagnosis("unknown", "no mistake that is known by name fits")


def _wrong_shape(hand: Tensor, true: Tensor, scene: Scene) -> Diagnosis:
    text = f"it has shape {tuple(hand.shape)}, its tensor {tuple(true.shape)}"
    if hand.dim() == true.dim() == 2 and same(hand.T, true):
        return Diagnosis("transposed", f"{text}: it is the transpose of the true gradient")
    if hand.numel() == true.numel() and same(hand.reshape(true.shape), true):
        return Diagnosis("shape", f"{text}: the numbers are right")
    found = formula_of(hand, scene.tensors)
    if found is None:
        return Diagnosis("shape", text)
    return Diagnosis("wrong axis" if found.kind == "sum" else "shape", f"{text}: it equals {found}")


def _zero(name: str, hand: Tensor, true: Tensor, scene: Scene) -> Diagnosis | None:
    if hand.count_nonzero() == 0:
        return Diagnosis("missing", "it is zero everywhere")
    return None


def _update_before_propagate(name: str, hand: Tensor, true: Tensor, scene: Scene) -> Diagnosis | None:
    if not scene.changed:
        return None
    moved = replace(scene.subject, tensors=scene.subject.tensors | scene.changed)
    if not same(hand, autograd_if_it_can(moved, scene.grad_outputs).get(name)):
        return None
    return Diagnosis(
        "update before propagate",
        f"it is the gradient at the values that backward left in {', '.join(scene.changed)}: "
        "propagate through the old weights first, update them afterwards",
    )


def _constant_factor(name: str, hand: Tensor, true: Tensor, scene: Scene) -> Diagnosis | None:
    h, t = _known(hand, true)
    factor = float((h * t).sum() / (t * t).sum())
    rest = float((h - factor * t).norm() / t.norm())
    if not math.isfinite(factor) or rest > min(SAME * abs(factor), 1e-3 * abs(factor - 1)):
        return None
    if math.isclose(factor, -1, rel_tol=SAME):
        return Diagnosis("sign", "it is the true gradient with the opposite sign")
    meaning = meaning_of(factor, scene.sizes)
    if h.numel() == 1 and not meaning:
        return None  # a single number is always some multiple of another
    number = f"1 {'+' if factor > 1 else '-'} {abs(factor - 1):.3g}" if abs(factor - 1) < 1e-4 else f"{factor:.7g}"
    return Diagnosis("constant factor", f"it is the true gradient times {number}{meaning and f' ({meaning})'}")


def _transposed(name: str, hand: Tensor, true: Tensor, scene: Scene) -> Diagnosis | None:
    if hand.dim() == 2 and hand.shape[0] == hand.shape[1] and same(hand.T, true):
        return Diagnosis("transposed", "it is the transpose of the true gradient")
    return None


def _one_slice(name: str, hand: Tensor, true: Tensor, scene: Scene) -> Diagnosis | None:
    difference = (hand - true).abs().nan_to_num(0)
    wrong = difference > 1e-10 * true.abs().nan_to_num(0).max()
    count = int(wrong.sum())
    if count == 1 and wrong.numel() > 2:
        index = tuple(int(i) for i in wrong.nonzero()[0])
        return Diagnosis("one element", f"only the element at {index} is off")
    for axis, size in enumerate(hand.shape):
        others = [i for i in range(hand.dim()) if i != axis]
        rows = (wrong.any(dim=others) if others else wrong).nonzero().flatten().tolist()
        if size > 2 and len(rows) == 1 and 2 * count > wrong.select(axis, rows[0]).numel():
            where = {0: " (the first)", size - 1: " (the last)"}.get(rows[0], "")
            return Diagnosis("one slice", f"only index {rows[0]}{where} of axis {axis} is off, the rest is right")
    return None


def _formula(name: str, hand: Tensor, true: Tensor, scene: Scene) -> Diagnosis | None:
    found = formula_of(hand, scene.tensors)
    if found is None:
        return None
    should = formula_of(true, scene.tensors)
    text = f"it equals {found}" + (f"; right would be {should}" if should else "")
    if found.kind == "product" and (should is None or should.kind == "product"):
        return Diagnosis("transposed", f"{text}: a transpose is missing or one too many")
    if found.kind == "sum" and (should is None or should.kind == "sum"):
        return Diagnosis("wrong axis", f"{text}: it is summed over the wrong axis")
    if found.kind == "elementwise":
        why = "the derivative is left out" if found.text == "grad_output" else "that is not the derivative at the input"
        return Diagnosis("activation derivative", f"{text}: {why}")
    return Diagnosis("unknown", text)


def _without_upstream(name: str, hand: Tensor, true: Tensor, scene: Scene) -> Diagnosis | None:
    """Recognize a backward that does not multiply by the gradient it is given: right for a gradient of ones only."""
    if scene.subject.is_loss:
        return None
    ones = tuple(torch.ones_like(grad) for grad in scene.grad_outputs)
    if not same(hand, autograd_if_it_can(scene.subject, ones).get(name)):
        return None
    return Diagnosis("grad_output", "it is the gradient for a grad_output of ones: grad_output is left out")


def _at_the_output(name: str, hand: Tensor, true: Tensor, scene: Scene) -> Diagnosis | None:
    """Recognize the derivative of an elementwise function taken at its output."""
    if scene.subject.is_loss or scene.subject.tensors[name].shape != scene.outputs[0].shape:
        return None
    there = replace(scene.subject, tensors=scene.subject.tensors | {name: scene.outputs[0]})
    if not same(hand, autograd_if_it_can(there, scene.grad_outputs).get(name)):
        return None
    return Diagnosis(
        "activation derivative", f"it is the derivative taken at the output instead of at {name}: f'(f(x)), not f'(x)"
    )


def _missing_path(name: str, hand: Tensor, true: Tensor, scene: Scene) -> Diagnosis | None:
    for what, gradients in with_one_path_cut(scene.subject, scene.grad_outputs):
        if same(hand, gradients.get(name)):
            return Diagnosis(
                "missing path", f"the part that flows back through {what} is missing; without it the rest is right"
            )
    return None


def _rounding(name: str, hand: Tensor, true: Tensor, scene: Scene) -> Diagnosis | None:
    """Recognize the error of a smaller dtype, by its size and by the dtype being there."""
    h, t = _known(hand, true)
    error = float((h - t).norm() / t.norm())
    if torch.equal(h.float().double(), h):
        dtype: torch.dtype | None = torch.float32
    else:
        dtype = smallest_dtype_of(lambda: scene.subject.backward(copies(scene.subject.tensors), scene.grad_outputs))
    if dtype is None or error > 100 * torch.finfo(dtype).eps:
        return None
    return Diagnosis(
        "rounding",
        f"it is off by {error:.1e} of its norm, without a pattern: only rounding, of the size of "
        f"{str(dtype).removeprefix('torch.')}'s, in which a part of it is computed",
    )


_Detective = Callable[[str, Tensor, Tensor, Scene], Diagnosis | None]
_DETECTIVES: tuple[_Detective, ...] = (
    _zero,
    _update_before_propagate,
    _constant_factor,
    _transposed,
    _one_slice,
    _without_upstream,
    _at_the_output,
    _missing_path,
    _formula,
    _rounding,
)


def _known(hand: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    known = ~true.isnan()
    return hand[known], true[known]
