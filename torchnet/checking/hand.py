"""The hand-written backward at work: the gradients that it writes, and what else it does."""

from dataclasses import dataclass, field

from torch import Tensor

from torchnet.checking.diagnosis import Diagnosis
from torchnet.checking.subject import Gradients, Outputs, Subject, Tensors, copies


@dataclass
class HandWritten:
    """What a hand-written backward did.

    Attributes:
        gradients: those that it wrote, by name.
        changed: the tensors that it left changed, as it left them.
        findings: what it must not do.
    """

    gradients: Gradients = field(default_factory=dict)
    changed: Tensors = field(default_factory=dict)
    findings: list[Diagnosis] = field(default_factory=list)


def run_backward(subject: Subject, grad_outputs: Outputs) -> HandWritten:
    """Run the backward, and again, and find out whether it does anything but write the same gradients."""
    tensors, grads = copies(subject.tensors), tuple(grad.clone() for grad in grad_outputs)
    first = {name: None if g is None else g.clone() for name, g in subject.backward(tensors, grads).items()}
    changed = {name: tensor for name, tensor in tensors.items() if not equal(tensor, subject.tensors[name])}
    findings: list[Diagnosis] = []

    def find(kind: str, text: str) -> None:
        findings.append(Diagnosis(kind, text))

    weights = {name for name, _ in subject.module.named_parameters()} if subject.module is not None else set()
    if changed.keys() & weights:
        find("update before propagate", f"it changes {', '.join(changed)}: leave weights to the optimizer")
    elif changed:
        find("side effect", f"it, or the forward pass before it, changes {', '.join(changed)} in place: work on a copy")
    if not all(equal(a, b) for a, b in zip(grads, grad_outputs, strict=True)):
        find("side effect", "it changes the grad_output that it is given in place: work on a copy")
    again = subject.backward(copies(subject.tensors), grad_outputs)
    if not all(equal(first[name], again[name]) for name in first):
        find("not repeatable", "it gives other gradients when it is called again with equal tensors")
    if weights:
        stale = {name: gradient.clone() for name, gradient in first.items() if gradient is not None}
        on_top = subject.backward(copies(subject.tensors), grad_outputs, stale)
        if added := [name for name in first if name in weights and not equal(on_top[name], again[name])]:
            find(
                "accumulated",
                f"it adds to what .grad of {', '.join(added)} held before: replace it, or the gradients of earlier "
                "steps stay part of it",
            )
    return HandWritten(first, changed, findings)


def equal(a: Tensor | None, b: Tensor | None) -> bool:
    """Whether two gradients are the same to the bit, NaN in the same places included."""
    if a is None or b is None:
        return a is b
    return a.shape == b.shape and bool(((a == b) | (a.isnan() & b.isnan())).all())
