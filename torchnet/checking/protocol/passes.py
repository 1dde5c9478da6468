"""A first backward pass with its side effects, and the comparison of other passes with it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from torchnet.checking.reports.report import Diagnosis
from torchnet.checking.subjects.subject import Gradients, Outputs, Subject, SubjectError, Tensors, copies, sentence
from torchnet.checking.subjects.subject import clones as clones_of

_SMALL = 1e-4  # of the allowed rounding; relative to the largest of all gradients


@dataclass(frozen=True)
class Pass:
    """A first backward pass.

    Attributes:
        subject: the subject.
        grad_outputs: the upstream gradients.
        written: the gradients that it wrote.
        changed: the tensors that it modified, with their new values.
        findings: its side effects.
        noise: returns the absolute differences that another order of summation explains.
        rounding: the largest difference, relative to the norm, that another memory layout explains.
        notes: remarks for the reader of the report.
    """

    subject: Subject
    grad_outputs: Outputs
    written: Gradients
    changed: Tensors
    findings: list[Diagnosis]
    noise: Callable[[], Tensors]
    rounding: float = 1e-6
    notes: list[str] = field(default_factory=list)

    @property
    def raises(self) -> bool:
        """Whether the backward raised an error."""
        return any(finding.kind == "raises" for finding in self.findings)

    def differing(self, again: Gradients, first: Gradients | None = None, exactly: bool = False) -> str:
        """Return the names of the tensors whose gradient differs in another pass by more than rounding explains."""
        first, rounding = self.written if first is None else first, 0.0 if exactly else self.rounding
        wrong = [name for name in again if not equal(first[name], again[name], rounding)]
        if wrong and rounding:
            # Rounding can be large relative to a gradient that should be zero.
            everything = (*self.grad_outputs, *(x for x in first.values() if x is not None))
            floor = _SMALL * rounding * max((float(x.abs().max()) for x in everything if x.numel()), default=0.0)
            wrong = [n for n in wrong if not _within(self.noise()[n] + floor, first[n], again[n])]
        return ", ".join(wrong)


def first_pass(subject: Subject, grad_outputs: Outputs, noise: Callable[[], Tensors], rounding: float = 1e-6) -> Pass:
    """Run the backward once. An error that it raises is a finding, and then no gradient is written."""
    tensors, grads = copies(subject.tensors), clones_of(grad_outputs)
    try:
        written = clones(subject.backward(tensors, grads))
        odd = {n: x.dtype for n, x in written.items() if x is not None and not x.is_floating_point()}
        written = {n: x.to(subject.tensors[n].dtype) if n in odd and x is not None else x for n, x in written.items()}
    except (SubjectError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        finding = Diagnosis("raises", f"it raises {sentence(error)}")
        return Pass(subject, grad_outputs, dict.fromkeys(subject.tensors), {}, [finding], noise, rounding)
    changed = {name: tensor for name, tensor in tensors.items() if not equal(tensor, subject.tensors[name])}
    findings = [Diagnosis("form", text) for text in dict.fromkeys(subject.complaints)]
    findings += [Diagnosis("form", f"the gradient of {n} is of {dtype}: expected floats") for n, dtype in odd.items()]
    findings += _side_effects(subject, changed, grads, grad_outputs)
    return Pass(subject, grad_outputs, written, changed, findings, noise, rounding)


def _side_effects(subject: Subject, changed: Tensors, grads: Outputs, grad_outputs: Outputs) -> Iterator[Diagnosis]:
    weights = {name for name, _ in subject.module.named_parameters()} if subject.module is not None else set()
    names = ", ".join(changed)
    if changed.keys() & weights:
        yield Diagnosis("update before propagate", f"it changes {names}: leave the update of weights to the optimizer")
    elif changed:
        who = "it" if subject.graph is not None else "it, or the forward pass before it,"
        yield Diagnosis("side effect", f"{who} changes {names} in place: work on a copy")
    if not all(equal(a, b) for a, b in zip(grads, grad_outputs, strict=True)):
        yield Diagnosis("side effect", "it changes its argument grad_output in place: work on a copy")


def clones(gradients: Gradients) -> Gradients:
    """Return a copy of each gradient, detached."""
    return {name: None if gradient is None else gradient.detach().clone() for name, gradient in gradients.items()}


def equal(a: Tensor | None, b: Tensor | None, rounding: float = 0.0) -> bool:
    """Whether two gradients are equal, including the places of NaN, or differ by rounding, relative to the norm."""
    if a is None or b is None or a.shape != b.shape:
        return a is b
    equal = bool(((a == b) | (a.isnan() & b.isnan())).all())
    return equal or (rounding > 0 and float((a - b).norm()) <= rounding * float(a.norm()))


def _within(noise: Tensor, a: Tensor | None, b: Tensor | None) -> bool:
    return a is not None and b is not None and a.shape == b.shape and bool(((a - b).abs() <= noise).all())
