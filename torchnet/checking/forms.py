"""as_subject: turn modules, losses, pairs of functions and autograd Functions into a Subject."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from torchnet.checking.modules import module_subject
from torchnet.checking.subject import (
    Arguments,
    Gradients,
    Loss,
    Outputs,
    Subject,
    SubjectError,
    Tensors,
    argument_names,
    as_tuple,
    call_loss,
    copies,
    describe,
    float_outputs,
    function_name,
    is_float,
    num_arguments,
)

_DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
_ACCEPTED = (
    "a module with a hand-written backward, a loss (logits, targets) -> (loss, grad_logits), "
    "a pair (forward, backward) of functions, or a subclass of torch.autograd.Function"
)


def as_subject(thing: Any, inputs: Sequence[Any], loss: Loss | None = None) -> Subject:
    """Return the subject for an object and its inputs; raise SubjectError if it has no supported form."""
    if any(isinstance(x, np.ndarray) for x in inputs):
        if isinstance(thing, tuple):
            thing = tuple(_on_arrays(function) if callable(function) else function for function in thing)
        elif callable(thing) and not isinstance(thing, (nn.Module, type)):
            thing = _on_arrays(thing)
    inputs = [_copied(x) for x in inputs]
    has_weights = isinstance(thing, nn.Module) and any(is_float(weight) for weight in thing.parameters())
    if not inputs or not (has_weights or any(is_float(x) for x in inputs)):
        raise SubjectError(
            f"expected inputs, at least one of them a floating-point tensor, got {describe(inputs)}: "
            "check(subject, torch.randn(7, 5), ...)"
        )
    if isinstance(thing, nn.Module):
        return module_subject(thing, inputs, loss)
    if isinstance(thing, type) and issubclass(thing, torch.autograd.Function):
        return _function_subject(thing, inputs)
    if isinstance(thing, type):
        raise SubjectError(f"expected an instance, got the class {thing.__name__}: pass {thing.__name__}(...)")
    if isinstance(thing, tuple) and len(thing) == 2 and all(callable(function) for function in thing):
        return _pair_subject(*thing, inputs)
    if callable(thing):
        return _loss_subject(thing, inputs)
    raise SubjectError(f"expected {_ACCEPTED}, got {thing!r}")


def _copied(x: Any) -> Any:
    """Return a copy of a tensor or array: a forward pass may work in place, and must not change the caller's."""
    x = torch.from_numpy(x) if isinstance(x, np.ndarray) else x
    if not isinstance(x, Tensor):
        return x
    if x.layout != torch.strided or x.device.type == "meta" or x.numel() == 0:
        raise SubjectError(f"expected non-empty, dense tensors, got {describe([x])} ({x.layout}, on {x.device})")
    if x.is_complex() or (x.is_floating_point() and x.dtype not in _DTYPES):
        raise SubjectError(f"expected float64, float32, bfloat16 or float16, got {describe([x])}")
    return x.detach().clone()


def _loss_subject(loss: Loss, inputs: Sequence[Any]) -> Subject:
    """The checked gradient is that of the first argument, the logits; the other arguments are targets."""
    if not is_float(inputs[0]):
        raise SubjectError(
            f"{function_name(loss)}: expected floating-point logits as the first argument, got {describe(inputs[:1])}"
        )
    name = argument_names(loss, inputs)[0]
    targets = inputs[1:]

    def forward(tensors: Tensors) -> Outputs:
        return (call_loss(loss, tensors[name], targets)[0],)

    def backward(tensors: Tensors, grad_outputs: Outputs) -> Gradients:
        return {name: call_loss(loss, tensors[name], targets)[1]}

    return Subject(function_name(loss), {name: inputs[0].detach()}, name, forward, backward, is_loss=True)


def _pair_subject(forward: Callable[..., Any], backward: Callable[..., Any], inputs: Sequence[Any]) -> Subject:
    """The backward takes the inputs of forward, or a cache that forward returns as its last output."""
    args = Arguments(argument_names(forward, inputs), inputs)

    def split(result: Any) -> tuple[Any, list[Any]]:
        """Return the outputs of forward, and [cache] if backward takes a cache."""
        takes = num_arguments(backward)
        if isinstance(result, tuple) and takes in (1, len(result)):  # 1: it takes any number
            return result[:-1], [result[-1]]
        outputs = as_tuple(result)
        if takes not in (1, len(outputs) + len(inputs)):
            raise SubjectError(
                f"{function_name(backward)}: expected backward(grad_output, *inputs), or backward(grad_output, cache) "
                f"with a forward that returns (output, cache); it takes {takes} arguments, forward takes {len(inputs)} "
                f"and returns {describe(outputs)}"
            )
        return outputs, []

    def outputs(tensors: Tensors) -> Outputs:
        return float_outputs(split(forward(*args.substitute(tensors)))[0])

    def gradients(tensors: Tensors, grad_outputs: Outputs) -> Gradients:
        values = args.substitute(tensors)
        _, cache = split(forward(*values))
        return args.name_gradients(function_name(backward), backward(*grad_outputs, *(cache or values)))

    return Subject(function_name(forward), args.tensors, next(iter(args.tensors)), outputs, gradients)


def _on_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function of NumPy arrays as a function of tensors."""

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        result = function(*[x.detach().numpy() if isinstance(x, Tensor) else x for x in args])
        return tuple(map(_as_tensor, result)) if isinstance(result, tuple) else _as_tensor(result)

    return call


def _as_tensor(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return torch.as_tensor(x)
    return torch.as_tensor(x, dtype=torch.float64) if isinstance(x, (np.floating, float)) else x


def _function_subject(function: type[torch.autograd.Function], inputs: Sequence[Any]) -> Subject:
    """The hand-written gradient is what autograd gets from the Function; the oracles see only its forward."""
    has_context = function.setup_context is torch.autograd.Function.setup_context
    args = Arguments(argument_names(function.forward, inputs, skip=int(has_context)), inputs)

    def forward(tensors: Tensors) -> Outputs:
        context: Any = FunctionCtx()
        context.needs_input_grad = (True,) * len(inputs)
        returned = as_tuple(function.forward(*([context] if has_context else []), *args.substitute(tensors)))
        excluded = getattr(context, "non_differentiable", ())
        return float_outputs([x for x in returned if not any(x is other for other in excluded)])

    def backward(tensors: Tensors, grad_outputs: Outputs) -> Gradients:
        with torch.enable_grad():
            leaves = {name: tensor.detach().requires_grad_() for name, tensor in tensors.items()}
            # The Function may work in place, which autograd forbids on leaves: pass copies.
            returned = as_tuple(function.apply(*args.substitute(copies(leaves))))
            # Outputs that the Function marks as non-differentiable do not require a gradient.
            outputs = float_outputs([x for x in returned if isinstance(x, Tensor) and x.requires_grad])
            gradients = torch.autograd.grad(outputs, list(leaves.values()), grad_outputs, allow_unused=True)
        return dict(zip(leaves, gradients, strict=True))

    return Subject(function.__name__, args.tensors, next(iter(args.tensors)), forward, backward)
