"""Run the hand-written backward: the gradients that it writes, and its other effects, such as modified inputs."""

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from torchnet.checking.modules import copy_module, takes_input_grad
from torchnet.checking.report import Diagnosis
from torchnet.checking.subject import Gradients, Outputs, Subject, Tensors, copies


def run_backward(
    subject: Subject, grad_outputs: Outputs, noise: Callable[[], Tensors]
) -> tuple[Gradients, Tensors, list[Diagnosis]]:
    """Run the backward, and check that it has no side effects, keeps no state and is repeatable.

    Returns the gradients that it wrote, the tensors that it modified, with their new values, and its other faults.
    `noise` returns the absolute differences that another order of summation explains. It is called only if needed.
    """
    tensors, grads = copies(subject.tensors), tuple(grad.clone() for grad in grad_outputs)
    first = _clones(subject.backward(tensors, grads))
    changed = {name: tensor for name, tensor in tensors.items() if not _equal(tensor, subject.tensors[name])}
    findings = list(_side_effects(subject, changed, grads, grad_outputs))

    def differs(upstream: Outputs = grad_outputs, rounding: float = 0.0, **options: Any) -> list[str]:
        """Return the names of the tensors whose gradient differs in another run."""
        again = subject.backward(copies(subject.tensors), upstream, **options)
        wrong = [name for name in again if not _equal(first[name], again[name], rounding)]
        # Rounding can be large relative to a gradient that should be zero.
        return [name for name in wrong if not rounding or not _within(noise()[name], first[name], again[name])]

    if differs():
        text = "it writes other gradients when it is called again with equal tensors"
        findings.append(Diagnosis("not repeatable", text))
    elif differs(tuple(_transposed_in_memory(grad) for grad in grad_outputs), rounding=1e-6):
        text = "it writes other gradients when grad_output is transposed in memory: respect its strides"
        findings.append(Diagnosis("memory layout", text))
    if subject.module is not None:
        if takes_input_grad(subject.module) and (wrong := differs(input_grad=False)):
            text = f"with input_grad=False it writes another gradient of {', '.join(wrong)}"
            findings.append(Diagnosis("input_grad", text))
        findings += _kept_state(subject, copy_module(subject.module), grad_outputs, first)
    return first, changed, findings


def _side_effects(subject: Subject, changed: Tensors, grads: Outputs, grad_outputs: Outputs) -> Iterator[Diagnosis]:
    weights = {name for name, _ in subject.module.named_parameters()} if subject.module is not None else set()
    names = ", ".join(changed)
    if changed.keys() & weights:
        yield Diagnosis("update before propagate", f"it changes {names}: leave the update of weights to the optimizer")
    elif changed:
        yield Diagnosis("side effect", f"it, or the forward pass before it, changes {names} in place: work on a copy")
    if not all(_equal(a, b) for a, b in zip(grads, grad_outputs, strict=True)):
        yield Diagnosis("side effect", "it changes its argument grad_output in place: work on a copy")


def _kept_state(subject: Subject, module: nn.Module, grad_outputs: Outputs, first: Gradients) -> Iterator[Diagnosis]:
    """Run one module at other values, then at the subject's: the gradients must depend on the last pass only."""
    before = _clones(subject.backward({name: 1.125 * t for name, t in subject.tensors.items()}, grad_outputs, module))
    later = subject.backward(copies(subject.tensors), grad_outputs, module)
    wrong = [name for name in first if not _equal(first[name], later[name])]
    sums = {name: a + b for name in wrong if (a := first[name]) is not None and (b := before[name]) is not None}
    added = [name for name in sums if _equal(sums[name], later[name], 1e-6)]
    if added:
        text = (
            f"it adds to the previous .grad of {', '.join(added)}: overwrite .grad, it still has that of the last step"
        )
        yield Diagnosis("accumulated", text)
    elif wrong:
        text = f"it keeps state: after a pass with other values it writes another gradient of {', '.join(wrong)}"
        yield Diagnosis("stale state", text)


def _clones(gradients: Gradients) -> Gradients:
    return {name: None if gradient is None else gradient.clone() for name, gradient in gradients.items()}


def _transposed_in_memory(grad: Tensor) -> Tensor:
    """Return an equal tensor with its first two dimensions swapped in memory."""
    return grad if grad.dim() < 2 else grad.transpose(0, 1).contiguous().transpose(0, 1)


def _equal(a: Tensor | None, b: Tensor | None, rounding: float = 0.0) -> bool:
    """Whether two gradients are equal, including the places of NaN, or differ by rounding, relative to the norm."""
    if a is None or b is None or a.shape != b.shape:
        return a is b
    equal = bool(((a == b) | (a.isnan() & b.isnan())).all())
    return equal or (rounding > 0 and float((a - b).norm()) <= rounding * float(a.norm()))


def _within(noise: Tensor, a: Tensor | None, b: Tensor | None) -> bool:
    return a is not None and b is not None and a.shape == b.shape and bool(((a - b).abs() <= noise).all())
