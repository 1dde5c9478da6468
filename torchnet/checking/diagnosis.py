"""Which kind of mistake a wrong gradient looks like, in words.

Each detective below knows one kind. It is handed the hand-written gradient, the true one, and the scene: what the
forward pass was given and returned. The first that recognizes its kind is believed.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from torchnet.checking.oracles import NoOracleError, autograd
from torchnet.checking.subject import Outputs, Subject, Tensors

_SAME = 1e-8  # how close two gradients are that come from the same formula, relative to the norm
_MOST_STEPS = 64  # of a forward pass that is searched for a missing path


@dataclass(frozen=True)
class Diagnosis:
    """A kind of mistake, and what speaks for it.

    Attributes:
        kind: "missing", "shape", "not finite", "constant factor", "sign", "transposed", "wrong axis", "missing path",
            "activation derivative", "one slice", "one element", "update before propagate", "side effect",
            "not repeatable", "accumulated", "rounding", "oracles disagree" or "unknown".
        text: a sentence.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Scene:
    """What is known about where a gradient went wrong, in float64.

    Attributes:
        subject: what was differentiated.
        outputs: what its forward returned.
        grad_outputs: the gradient that its backward was given.
        changed: the tensors that its backward left changed, as it left them.
    """

    subject: Subject
    outputs: Outputs
    grad_outputs: Outputs
    changed: Tensors = field(default_factory=dict)

    @property
    def tensors(self) -> Tensors:
        """Everything that a formula of the backward pass could contain, by name."""
        known = dict(self.subject.tensors)
        if len(self.outputs) == 1 and not self.subject.is_loss:
            known |= {"grad_output": self.grad_outputs[0], "output": self.outputs[0]}
        return known

    @property
    def sizes(self) -> dict[int, str]:
        """Numbers that a mean may divide by, with what they count."""
        sizes: dict[int, str] = {}
        batch = self.subject.tensors[self.subject.first_input].shape[:1]
        named = [(size, f"N, the first dimension of {self.subject.first_input}") for size in batch]
        shapes = {"output": self.outputs[0]} | self.subject.tensors
        for what, tensor in shapes.items():
            named += [(size, f"dimension {i} of {what}") for i, size in enumerate(tensor.shape)]
            named.append((tensor.numel(), f"the number of elements of {what}"))
        for size, what in named:
            if size > 1:
                sizes.setdefault(size, what)
        return sizes


def diagnose(name: str, hand: Tensor | None, true: Tensor, scene: Scene) -> Diagnosis:
    """Name the mistake.

    Args:
        name: of the tensor whose gradient it is.
        hand: the hand-written gradient, None if there is none.
        true: the true gradient, NaN where it is not known.
        scene: where it happened.
    """
    if hand is None:
        return Diagnosis("missing", "backward has written no gradient")
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
    if hand.dim() == 2 and hand.shape == true.T.shape and _same(hand.T, true):
        return Diagnosis("transposed", f"{text}: it is the transpose of the true gradient")
    found = _formula_of(hand, scene)
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
    if not _same(hand, _autograd_of(moved, scene.grad_outputs).get(name)):
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
    if not math.isfinite(factor) or rest > min(_SAME * abs(factor), 1e-3 * abs(factor - 1)):
        return None
    if math.isclose(factor, -1, rel_tol=_SAME):
        return Diagnosis("sign", "it is the true gradient with the opposite sign")
    meaning = _meaning(factor, scene.sizes)
    if h.numel() == 1 and not meaning:
        return None  # a single number is always some multiple of another
    return Diagnosis("constant factor", f"it is the true gradient times {_number(factor)}{meaning and ': ' + meaning}")


def _number(factor: float) -> str:
    return f"1 {'+' if factor > 1 else '-'} {abs(factor - 1):.3g}" if abs(factor - 1) < 1e-4 else f"{factor:.7g}"


def _meaning(factor: float, sizes: dict[int, str]) -> str:
    sign = " with the opposite sign" if factor < 0 else ""
    for size, what in sizes.items():
        for value, text in (
            (size, f"{size} is {what}: a mean's 1/{size} is missing"),
            (1 / size, f"1/{size}, and {size} is {what}: divided by it once too often"),
            (size / (size - 1), f"{size}/{size - 1}, and {size} is {what}: divided by one less"),
            ((size - 1) / size, f"{size - 1}/{size}, and {size} is {what}"),
            (size / (size + 1), f"{size}/{size + 1}, and {size} is {what}: divided by one more"),
        ):
            if math.isclose(abs(factor), value, rel_tol=1e-6) and not math.isclose(abs(factor), 2) and factor != 0.5:
                return text + sign
    for value, text in ((2, "2, as of a square"), (0.5, "1/2, as of a square")):
        if math.isclose(abs(factor), value, rel_tol=1e-6):
            also = [f"{size} is {what}" for size, what in sizes.items() if size in (factor, 1 / factor)]
            return "; ".join([text, *also]) + sign
    return ""


def _transposed(name: str, hand: Tensor, true: Tensor, scene: Scene) -> Diagnosis | None:
    if hand.dim() == 2 and hand.shape[0] == hand.shape[1] and _same(hand.T, true):
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
    found = _formula_of(hand, scene)
    if found is None:
        return None
    should = _formula_of(true, scene)
    text = f"it equals {found}" + (f"; right would be {should}" if should else "")
    if found.kind == "product" and (should is None or should.kind == "product"):
        return Diagnosis("transposed", f"{text}: a transpose is missing or one too many")
    if found.kind == "sum" and (should is None or should.kind == "sum"):
        return Diagnosis("wrong axis", f"{text}: it is summed over the wrong axis")
    if found.kind == "elementwise":
        why = "the derivative is left out" if found.text == "grad_output" else "that is not the derivative at the input"
        return Diagnosis("activation derivative", f"{text}: {why}")
    return Diagnosis("unknown", text)


@dataclass(frozen=True)
class _Formula:
    kind: str  # "sum", "product" or "elementwise"
    text: str
    factor: float

    def __str__(self) -> str:
        return self.text if math.isclose(self.factor, 1, rel_tol=_SAME) else f"{self.text} times {self.factor:.7g}"


def _formula_of(gradient: Tensor, scene: Scene) -> _Formula | None:
    """Return the formula over the tensors of the scene that gives the gradient, up to a factor."""
    if gradient.numel() < 2 or gradient.isnan().any() or len(scene.tensors) > 8:
        return None
    for kind, text, value in _formulas(scene.tensors):
        if value.shape == gradient.shape:
            factor = float((gradient * value).sum() / (value * value).sum())
            if math.isfinite(factor) and factor != 0 and _same(gradient, factor * value):
                return _Formula(kind, text, factor)
    return None


def _formulas(tensors: Tensors) -> Iterator[tuple[str, str, Tensor]]:
    """Yield the formulas that backward passes are made of: kind, text and value."""
    if "grad_output" not in tensors:
        return
    grad = tensors["grad_output"]
    yield "elementwise", "grad_output", grad
    for axis in range(grad.dim()):
        yield "sum", f"grad_output.sum(dim={axis})", grad.sum(dim=axis)
    for name, x in tensors.items():
        if name != "grad_output" and x.shape == grad.shape:
            yield "elementwise", f"grad_output * {name}", grad * x
            yield "elementwise", f"grad_output * {name} * (1 - {name})", grad * x * (1 - x)
            yield "elementwise", f"grad_output * (1 - {name})", grad * (1 - x)
            yield "elementwise", f"grad_output * (1 - {name}**2)", grad * (1 - x * x)
            yield "elementwise", f"grad_output * {name}**2", grad * x * x
            yield "elementwise", f"grad_output * ({name} > 0)", grad * (x > 0)
            yield "elementwise", f"grad_output * ({name} >= 0)", grad * (x >= 0)
            yield "elementwise", f"grad_output * sigmoid'({name})", grad * x.sigmoid() * x.sigmoid().neg().add(1)
            yield "elementwise", f"grad_output * tanh'({name})", grad * (1 - x.tanh() ** 2)
    flat = {name: x for name, x in tensors.items() if x.dim() == 2}
    sides = [(name + t, y) for name, x in flat.items() for t, y in (("", x), (".T", x.T))]
    for left, a in sides:
        for right, b in sides:
            if a.shape[1] == b.shape[0]:
                yield "product", f"{left} @ {right}", a @ b


def _at_the_output(name: str, hand: Tensor, true: Tensor, scene: Scene) -> Diagnosis | None:
    """Recognize the derivative of an elementwise function taken at its output."""
    if scene.subject.is_loss or scene.subject.tensors[name].shape != scene.outputs[0].shape:
        return None
    there = replace(scene.subject, tensors=scene.subject.tensors | {name: scene.outputs[0]})
    if not _same(hand, _autograd_of(there, scene.grad_outputs).get(name)):
        return None
    return Diagnosis(
        "activation derivative", f"it is the derivative taken at the output instead of at {name}: f'(f(x)), not f'(x)"
    )


def _missing_path(name: str, hand: Tensor, true: Tensor, scene: Scene) -> Diagnosis | None:
    """Cut the graph of the forward pass in one place after the other, and see which cut gives this gradient."""
    counter = _Cut(None, {})
    with counter:
        if name not in _autograd_of(scene.subject, scene.grad_outputs):
            return None
    for place in range(min(counter.places, _MOST_STEPS)):
        with _Cut(place, scene.subject.tensors) as cut:
            gradient = _autograd_of(scene.subject, scene.grad_outputs).get(name)
        if gradient is not None and _same(hand, gradient):
            return Diagnosis(
                "missing path",
                f"it is what remains when nothing flows back through {cut.what}: add the part that does",
            )
    return None


class _Cut(TorchFunctionMode):
    """Detach the argument in one place of the forward pass; count the places on the way."""

    def __init__(self, place: int | None, tensors: Tensors) -> None:
        super().__init__()
        self.place, self.tensors = place, tensors
        self.places, self.operations, self.what = 0, 0, ""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if not isinstance(result, Tensor) or not result.requires_grad or func is Tensor.requires_grad_:
            return result
        self.operations += 1
        for i, x in enumerate(args):
            if isinstance(x, Tensor) and x.requires_grad:
                self.places += 1
                if self.places - 1 == self.place:
                    name = next((f" ({name})" for name, tensor in self.tensors.items() if _is(x, tensor)), "")
                    function = func.__name__.strip("_")
                    self.what = f"argument {i}{name} of {function}, operation {self.operations} of the forward pass"
                    result = func(*args[:i], x.detach(), *args[i + 1 :], **kwargs)
        return result


def _is(x: Tensor, tensor: Tensor) -> bool:
    return x.is_leaf and x.shape == tensor.shape and torch.equal(x.detach(), tensor)


def _rounding(name: str, hand: Tensor, true: Tensor, scene: Scene) -> Diagnosis | None:
    h, t = _known(hand, true)
    error = float((h - t).norm() / t.norm())
    for dtype, largest in (("float64", 1e-11), ("float32", 1e-5), ("bfloat16 or float16", 2e-2)):
        if error < largest:
            return Diagnosis(
                "rounding",
                f"it is off by {error:.1e} of its norm, without a pattern: only rounding, of the size of {dtype}'s",
            )
    return None


_Detective = Callable[[str, Tensor, Tensor, Scene], Diagnosis | None]
_DETECTIVES: tuple[_Detective, ...] = (
    _zero,
    _update_before_propagate,
    _constant_factor,
    _transposed,
    _one_slice,
    _at_the_output,
    _missing_path,
    _formula,
    _rounding,
)


def _autograd_of(subject: Subject, grad_outputs: Outputs) -> Tensors:
    try:
        return autograd(subject, grad_outputs)
    except (NoOracleError, RuntimeError):  # a cut graph may have nothing left to follow
        return {}


def _known(hand: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    known = ~true.isnan()
    return hand[known], true[known]


def _same(a: Tensor, b: Tensor | None) -> bool:
    """Whether two gradients are the same up to rounding, where both are known."""
    if b is None or a.shape != b.shape:
        return False
    known = ~(a.isnan() | b.isnan())
    a, b = a[known], b[known]
    return bool(known.any()) and float((a - b).norm()) <= _SAME * float(b.norm())
