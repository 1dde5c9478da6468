"""The subject in float64, if it can compute in float64."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from torchnet.checking.dispatch import InFloat64, converts_to_smaller_dtype
from torchnet.checking.subjects.subject import Outputs, Subject, at_dtype


def in_float64(subject: Subject, grad_outputs: Outputs) -> Subject | None:
    """Return the subject in float64, None if it cannot compute in float64."""
    exact, exact_grads = at_dtype(subject, torch.float64), tuple(grad.double() for grad in grad_outputs)
    is_exact = all(tensor.dtype == torch.float64 for tensor in subject.tensors.values())
    runs = _returns_float64(exact)
    # A backward that raises in any dtype is wrong; one that raises in float64 only cannot compute in it.
    if (runs and not converts_to_smaller_dtype(exact.outputs)) and (
        is_exact or _differentiates(exact, exact_grads) or not _differentiates(subject, grad_outputs)
    ):
        return exact
    note = (
        "the forward pass computes in a smaller dtype than float64: the formulas were checked without these "
        "conversions. To check it as it is, give reference="
    )
    kept = replace(inside(InFloat64, exact), notes=(*exact.notes, note))
    return kept if _has_digits(kept) and _differentiates(kept, exact_grads) else None


def _returns_float64(subject: Subject) -> bool:
    try:
        return all(output.dtype == torch.float64 for output in subject.outputs())
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception:
        return False


def _has_digits(subject: Subject) -> bool:
    """Whether the forward returns float64 with more digits than float32; what is outside of torch cannot be changed."""
    moved = {name: x * (1 - 1e-9 * torch.rand_like(x)) for name, x in subject.tensors.items()}
    if not _returns_float64(subject):
        return False
    try:
        return any(bool((x != x.float().double()).any()) for x in subject.forward(moved))
    except Exception:  # the forward may refuse other inputs
        return True


def _differentiates(subject: Subject, grad_outputs: Outputs) -> bool:
    """Whether the backward runs."""
    try:
        subject.gradients(grad_outputs)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception:
        return False
    finally:
        subject.complaints.clear()
    return True


def inside(mode: Callable[[], Any], subject: Subject) -> Subject:
    """Return the subject with its passes run in a mode."""
    forward, backward, graph = subject.forward, subject.backward, subject.graph

    def in_mode(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            with mode():
                return function(*args, **options)

        return call

    return replace(
        subject,
        forward=in_mode(forward),
        backward=in_mode(backward),
        graph=None if graph is None else in_mode(graph),
    )
