"""Check a function with autograd as its backward pass, with one element off, and on its own."""

import inspect
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from torchnet import check

from .case import Case

OFF = 1e-3  # the relative error of the one wrong element


@dataclass(frozen=True)
class Verdict:
    """The results for one function in one dtype.

    Attributes:
        pair: why the right pair (function, backward) failed; empty if it passed.
        alone: why the function alone failed; empty if it passed.
        missed: whether the pair with one element off passed.
        seconds: the time of each check.
    """

    case: Case
    dtype: torch.dtype
    pair: str
    alone: str
    missed: bool
    seconds: list[float]


def judge(case: Case, dtype: torch.dtype) -> Verdict:
    inputs = case.draw(dtype)
    options = {"kwargs": case.kwargs} if case.kwargs else {}
    seconds: list[float] = []

    def failure(subject: Any) -> str:
        start = time.perf_counter()
        try:
            report = check(subject, *inputs, **options)
        except Exception as error:
            return f"{type(error).__name__}: {error}".splitlines()[0]
        finally:
            seconds.append(time.perf_counter() - start)
        where, what = report.diagnoses[0] if report.diagnoses else ("", None)
        return "" if report.passed else f"{where}: {what.text if what else report}"

    pair = failure((case.repeatable, backward_of(case)))
    wrong = failure((case.repeatable, backward_of(case, off=OFF)))
    return Verdict(case, dtype, pair, failure(case.function), not wrong, seconds)


def is_differentiable(x: Any) -> bool:
    return isinstance(x, Tensor) and (x.is_floating_point() or x.is_complex())


def backward_of(case: Case, off: float = 0.0) -> Any:
    """Return a backward pass by autograd; the largest element of its first gradient is wrong by the factor 1 + off."""
    num_inputs, differentiated, names = len(case.inputs), case.differentiated, _names_of_inputs(case)

    def backward(*args: Any) -> tuple[Any, ...]:
        grad_outputs, inputs = args[:-num_inputs], args[-num_inputs:]
        flat, structure = pytree.tree_flatten(inputs)
        with torch.enable_grad():
            flat = [x.detach().clone() if isinstance(x, Tensor) else x for x in flat]
            leaves = [x.requires_grad_() for x, has_gradient in zip(flat, differentiated, strict=True) if has_gradient]
            returned = pytree.tree_leaves(case.repeatable(*pytree.tree_unflatten(flat, structure), **case.kwargs))
            outputs = [x for x in returned if is_differentiable(x)]
            pairs = [(y, g) for y, g in zip(outputs, grad_outputs, strict=True) if y.requires_grad]
            ys, gs = zip(*pairs, strict=True) if pairs else ((), ())
            found = torch.autograd.grad(ys, leaves, gs, allow_unused=True) if pairs else [None] * len(leaves)
        gradients = [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)]
        if off:
            gradients[0] = _with_one_element_off(gradients[0], off)
        following = iter(gradients)
        return tuple(
            pytree.tree_unflatten(
                [next(following) if has_gradient else None for has_gradient in differentiated], structure
            )
        )

    backward.__signature__ = inspect.Signature([*map(_positional, _names_of_outputs(case)), *map(_positional, names)])
    return backward


def _positional(name: str) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY)


def _names_of_inputs(case: Case) -> list[str]:
    """Return the names of the arguments of the forward; PyTorch's own functions have no signature."""
    try:
        parameters = inspect.signature(case.function).parameters
    except ValueError:
        parameters = {}
    names = [name for name, parameter in parameters.items() if parameter.kind == parameter.POSITIONAL_OR_KEYWORD]
    return [*names, *(f"input_{i}" for i in range(len(names), len(case.inputs)))][: len(case.inputs)]


def _names_of_outputs(case: Case) -> list[str]:
    outputs = pytree.tree_leaves(case.repeatable(*case.draw(torch.float64), **case.kwargs))
    return [f"grad_{i}" for i in range(sum(is_differentiable(x) for x in outputs))]


def _with_one_element_off(gradient: Tensor, off: float) -> Tensor:
    """Multiply the largest element by 1 + off; if the gradient is zero, its first element becomes `off`."""
    gradient = gradient.clone(memory_format=torch.contiguous_format)
    flat = gradient.view(-1)
    if flat.numel():
        largest = int(flat.abs().argmax())
        flat[largest] = flat[largest] * (1 + off) if flat[largest] != 0 else off
    return gradient
