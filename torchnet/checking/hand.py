"""The hand-written backward at work: the gradients that it writes, and what else it does."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from torchnet.checking.modules import copy_to_run, takes_input_grad
from torchnet.checking.noise import Noise
from torchnet.checking.scene import Diagnosis
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


def run_backward(subject: Subject, grad_outputs: Outputs, noise: Noise) -> HandWritten:
    """Run the backward, and find out whether it does anything but write gradients, and always the same.

    Args:
        subject: in float64.
        grad_outputs: its upstream gradient.
        noise: what rounding may do where numbers are not added up in the same order.
    """
    tensors, grads = copies(subject.tensors), tuple(grad.clone() for grad in grad_outputs)
    first = _kept(subject.backward(tensors, grads))
    changed = {name: tensor for name, tensor in tensors.items() if not equal(tensor, subject.tensors[name])}
    findings = list(_side_effects(subject, changed, grads, grad_outputs))

    def differs(upstream: Outputs = grad_outputs, rounding: float = 0.0, **options: Any) -> list[str]:
        """Return the tensors that get another gradient from another run."""
        again = subject.backward(copies(subject.tensors), upstream, **options)
        wrong = [name for name in again if not _close(first[name], again[name], rounding)]
        return [name for name in wrong if not rounding or not _within(noise, name, first[name], again[name])]

    if differs():
        findings.append(
            Diagnosis("not repeatable", "it gives other gradients when it is called again with equal tensors")
        )
    elif differs(tuple(_laid_out_otherwise(grad) for grad in grad_outputs), rounding=1e-6):
        findings.append(
            Diagnosis(
                "memory layout", "it gives other gradients when grad_output is transposed in memory: use its strides"
            )
        )
    if subject.module is not None:
        if takes_input_grad(subject.module) and (wrong := differs(input_grad=False)):
            findings.append(
                Diagnosis("input_grad", f"with input_grad=False it writes another gradient of {', '.join(wrong)}")
            )
        findings += _memories(subject, copy_to_run(subject.module), grad_outputs, first)
    return HandWritten(first, changed, findings)


def _side_effects(subject: Subject, changed: Tensors, grads: Outputs, grad_outputs: Outputs) -> Iterator[Diagnosis]:
    weights = {name for name, _ in subject.module.named_parameters()} if subject.module is not None else set()
    if changed.keys() & weights:
        yield Diagnosis("update before propagate", f"it changes {', '.join(changed)}: leave weights to the optimizer")
    elif changed:
        yield Diagnosis(
            "side effect", f"it, or the forward pass before it, changes {', '.join(changed)} in place: work on a copy"
        )
    if not all(equal(a, b) for a, b in zip(grads, grad_outputs, strict=True)):
        yield Diagnosis("side effect", "it changes the grad_output that it is given in place: work on a copy")


def _memories(subject: Subject, module: nn.Module, grad_outputs: Outputs, first: Gradients) -> Iterator[Diagnosis]:
    """Make a pass at other numbers and then one at these, with one and the same module: only the last must count."""
    before = _kept(subject.backward({name: 1.125 * t for name, t in subject.tensors.items()}, grad_outputs, module))
    later = subject.backward(copies(subject.tensors), grad_outputs, module)
    wrong = [name for name in first if not equal(first[name], later[name])]
    added = [name for name in wrong if _is_sum(later[name], first[name], before[name])]
    if added:
        yield Diagnosis(
            "accumulated",
            f"it adds to what .grad of {', '.join(added)} held before: replace it, or the gradients of earlier steps "
            "stay part of it",
        )
    elif wrong:
        yield Diagnosis(
            "stale state",
            f"after a pass with other numbers it gives another gradient of {', '.join(wrong)}: it still remembers "
            "something of that pass",
        )


def _kept(gradients: Gradients) -> Gradients:
    return {name: None if gradient is None else gradient.clone() for name, gradient in gradients.items()}


def _laid_out_otherwise(grad: Tensor) -> Tensor:
    """Return equal numbers in another order in memory."""
    return grad if grad.dim() < 2 else grad.transpose(0, 1).contiguous().transpose(0, 1)


def _is_sum(total: Tensor | None, a: Tensor | None, b: Tensor | None) -> bool:
    return total is not None and a is not None and b is not None and _close(total, a + b, 1e-6)


def _close(a: Tensor | None, b: Tensor | None, rounding: float) -> bool:
    if equal(a, b):
        return True
    if a is None or b is None or a.shape != b.shape:
        return False
    return float((a - b).norm()) <= rounding * float(a.norm())


def _within(noise: Noise, name: str, a: Tensor | None, b: Tensor | None) -> bool:
    """Whether rounding explains the difference, however large it is beside a gradient that should be zero."""
    if a is None or b is None or a.shape != b.shape:
        return False
    return bool(((a - b).abs() <= noise.of(name)).all())


def equal(a: Tensor | None, b: Tensor | None) -> bool:
    """Whether two gradients are the same to the bit, NaN in the same places included."""
    if a is None or b is None:
        return a is b
    return a.shape == b.shape and bool(((a == b) | (a.isnan() & b.isnan())).all())
