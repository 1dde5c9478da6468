"""What can be checked, brought to one form: modules and networks, losses, pairs of functions, autograd Functions."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from torchnet.checking.arguments import (
    as_outputs,
    by_name,
    filled,
    is_real,
    kinds,
    loss_and_grad,
    name_of,
    number_of_inputs,
    parameter_names,
    real_tensors,
)
from torchnet.checking.modules import module_subject
from torchnet.checking.subject import Gradients, Loss, Outputs, Subject, SubjectError, Tensors

_DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
ACCEPTED = (
    "a module with a hand-written backward, a loss (logits, targets) -> (loss, grad_logits), "
    "a pair (forward, backward) of functions, or a class derived from torch.autograd.Function"
)


def as_subject(thing: Any, inputs: Sequence[Any], loss: Loss | None = None) -> Subject:
    """Return the subject that a thing and its inputs make.

    Raises:
        SubjectError: if the thing is none that can be checked, or the inputs do not fit it.
    """
    if any(isinstance(x, np.ndarray) for x in inputs):
        if isinstance(thing, tuple):
            thing = tuple(_on_arrays(function) if callable(function) else function for function in thing)
        elif callable(thing) and not isinstance(thing, (nn.Module, type)):
            thing = _on_arrays(thing)
    inputs = [torch.from_numpy(x) if isinstance(x, np.ndarray) else x for x in inputs]
    # Copies: a forward pass that works in place must not reach the caller's numbers.
    inputs = [x.detach().clone() if isinstance(x, Tensor) else x for x in inputs]
    for x in inputs:
        _refuse_odd_tensor(x)
    has_weights = isinstance(thing, nn.Module) and any(is_real(weight) for weight in thing.parameters())
    if not inputs or not (has_weights or any(is_real(x) for x in inputs)):
        raise SubjectError(
            f"expected inputs to check at, at least one of them a floating-point tensor, got {kinds(inputs)}: "
            "check(subject, torch.randn(7, 5), ...)"
        )
    if isinstance(thing, nn.Module):
        return module_subject(thing, inputs, loss)
    if isinstance(thing, type) and issubclass(thing, torch.autograd.Function):
        return _function_subject(thing, inputs)
    if isinstance(thing, type):
        raise SubjectError(f"expected an instance, got the class {thing.__name__}: make one, {thing.__name__}(...)")
    if isinstance(thing, tuple) and len(thing) == 2 and all(callable(function) for function in thing):
        return _pair_subject(*thing, inputs)
    if callable(thing):
        return _loss_subject(thing, inputs)
    raise SubjectError(f"expected {ACCEPTED}, got {thing!r}")


def _refuse_odd_tensor(x: Any) -> None:
    if not isinstance(x, Tensor):
        return
    if x.layout != torch.strided or x.device.type == "meta" or x.numel() == 0:
        raise SubjectError(f"expected tensors with numbers in them, got {kinds([x])} ({x.layout}, on {x.device})")
    if x.is_complex() or (x.is_floating_point() and x.dtype not in _DTYPES):
        raise SubjectError(f"expected float64, float32, bfloat16 or float16, got {kinds([x])}")


def _loss_subject(loss: Loss, inputs: Sequence[Any]) -> Subject:
    """The gradient of a loss is that of its first argument, the logits; what follows are targets."""
    if not is_real(inputs[0]):
        raise SubjectError(f"{name_of(loss)}: expected floating-point logits first, got {kinds(inputs[:1])}")
    name = parameter_names(loss, inputs)[0]
    rest = inputs[1:]

    def forward(tensors: Tensors) -> Outputs:
        return (loss_and_grad(loss, tensors[name], rest)[0],)

    def backward(tensors: Tensors, grad_outputs: Outputs) -> Gradients:
        return {name: loss_and_grad(loss, tensors[name], rest)[1]}

    return Subject(name_of(loss), {name: inputs[0].detach()}, name, forward, backward, is_loss=True)


def _pair_subject(forward: Callable[..., Any], backward: Callable[..., Any], inputs: Sequence[Any]) -> Subject:
    """Bring a pair of functions to one form: with explicit inputs, or with a cache that forward hands to backward."""
    names = parameter_names(forward, inputs)

    def split(result: Any) -> tuple[Any, list[Any]]:
        """Return the outputs of a forward, and what its backward is called with after their gradients."""
        takes = number_of_inputs(backward)
        if isinstance(result, tuple) and takes in (1, len(result)):  # 1: it takes any number
            return result[:-1], [result[-1]]
        outputs = result if isinstance(result, tuple) else (result,)
        if takes not in (1, len(outputs) + len(inputs)):
            raise SubjectError(
                f"{name_of(backward)}: expected backward(grad_output, *inputs), or backward(grad_output, cache) with a "
                f"forward that returns (output, cache); it takes {takes} arguments, forward takes {len(inputs)} and "
                f"returns {kinds(outputs)}"
            )
        return outputs, []

    def outputs(tensors: Tensors) -> Outputs:
        return as_outputs(split(forward(*filled(names, inputs, tensors)))[0])

    def gradients(tensors: Tensors, grad_outputs: Outputs) -> Gradients:
        args = filled(names, inputs, tensors)
        _, cache = split(forward(*args))
        return by_name(name_of(backward), backward(*grad_outputs, *(cache or args)), names, inputs)

    tensors = real_tensors(names, inputs)
    return Subject(name_of(forward), tensors, next(iter(tensors)), outputs, gradients)


def _on_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of tensors that calls one of NumPy arrays."""

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        result = function(*[x.detach().numpy() if isinstance(x, Tensor) else x for x in args])
        if isinstance(result, tuple):
            return tuple(_tensor(x) for x in result)
        return _tensor(result)

    return call


def _tensor(x: Any) -> Any:
    return torch.as_tensor(x, dtype=None if isinstance(x, np.ndarray) else torch.float64) if _is_numeric(x) else x


def _is_numeric(x: Any) -> bool:
    return isinstance(x, (np.ndarray, np.floating, float))


def _function_subject(function: type[torch.autograd.Function], inputs: Sequence[Any]) -> Subject:
    """The hand-written gradient is what autograd gets from the function; the oracles see only its forward."""
    has_context = function.setup_context is torch.autograd.Function.setup_context
    names = parameter_names(function.forward, inputs, skip=int(has_context))

    def forward(tensors: Tensors) -> Outputs:
        args, context = filled(names, inputs, tensors), _Context()
        result = function.forward(context, *args) if has_context else function.forward(*args)
        returned = result if isinstance(result, tuple) else (result,)
        return as_outputs(tuple(x for x in returned if not any(x is other for other in context.without_gradient)))

    def backward(tensors: Tensors, grad_outputs: Outputs) -> Gradients:
        with torch.enable_grad():
            leaves = {name: tensor.detach().requires_grad_() for name, tensor in tensors.items()}
            # Copies of the leaves: a function may work in place. What it marks as without a gradient requires none.
            at = {name: leaf.clone() for name, leaf in leaves.items()}
            returned = function.apply(*filled(names, inputs, at))
            returned = returned if isinstance(returned, tuple) else (returned,)
            outputs = as_outputs(tuple(x for x in returned if isinstance(x, Tensor) and x.requires_grad))
            gradients = torch.autograd.grad(outputs, list(leaves.values()), grad_outputs, allow_unused=True)
        return dict(zip(leaves, gradients, strict=True))

    tensors = real_tensors(names, inputs)
    return Subject(function.__name__, tensors, next(iter(tensors)), forward, backward)


class _Context:
    """What an autograd Function's forward may say to its context, with nobody listening."""

    needs_input_grad = (True,) * 64
    without_gradient: tuple[Tensor, ...] = ()

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        self.saved_tensors = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None: ...
    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        self.without_gradient = tensors

    def mark_dirty(self, *tensors: Tensor) -> None: ...
    def set_materialize_grads(self, value: bool) -> None: ...
