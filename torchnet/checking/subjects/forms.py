"""as_subject: recognize what is to be checked, and turn it into a Subject."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from torchnet.checking.subjects.callables import callable_subject, function_subject, plain_module_subject
from torchnet.checking.subjects.module_copies import copy_at_dtype, copy_module
from torchnet.checking.subjects.modules import module_subject
from torchnet.checking.subjects.objects import object_subject
from torchnet.checking.subjects.pairs import loss_subject, pair_subject
from torchnet.checking.subjects.subject import (
    Loss,
    Outputs,
    Subject,
    SubjectError,
    Tensors,
    argument_names,
    describe,
    float_outputs,
    function_name,
    has_gradient,
    is_float,
    is_loss_result,
    sentence,
)
from torchnet.checking.subjects.trees import Arguments, as_tensor, on_arrays

_ACCEPTED = (
    "an autograd Function, a function that autograd can differentiate, a module, a pair (forward, backward) of "
    "functions, an object with forward and backward, or a loss (logits, targets) -> (loss, grad_logits)"
)


def as_subject(
    thing: Any, inputs: Sequence[Any], loss: Loss | None = None, kwargs: Mapping[str, Any] | None = None
) -> Subject:
    """Return the subject for an object and its inputs; raise SubjectError if it has no supported form."""
    kwargs = kwargs or {}
    thing = _function_of(thing)
    leaves = [as_tensor(leaf) for leaf in tree_leaves((list(inputs), dict(kwargs)))]
    has_weights = isinstance(thing, nn.Module) and any(is_float(weight) for weight in thing.parameters())
    if not leaves or not (has_weights or any(map(has_gradient, leaves))):
        raise SubjectError(
            f"expected inputs, at least one of them a floating-point tensor, got {describe(leaves)}: "
            "check(subject, torch.randn(7, 5), ...)"
        )
    if isinstance(thing, nn.Module):
        if callable(getattr(thing, "backward", None)) or loss is not None:
            return module_subject(thing, inputs, loss, kwargs)
        return plain_module_subject(thing, inputs, kwargs, functools.partial(copy_at_dtype, thing))
    if isinstance(thing, type) and issubclass(thing, torch.autograd.Function):
        return function_subject(thing, inputs, kwargs)
    if isinstance(thing, type):
        raise SubjectError(f"expected an instance, got the class {thing.__name__}: pass {thing.__name__}(...)")
    if isinstance(thing, (tuple, list)) and len(thing) == 2 and all(callable(function) for function in thing):
        return pair_subject(thing[0], thing[1], inputs, kwargs)
    if isinstance(thing, torch.autograd.Function):
        name = type(thing).__name__
        raise SubjectError(f"expected the class {name} or {name}.apply, got an instance of it")
    if callable(getattr(thing, "backward", None)):
        for forward in ("forward", "__call__"):
            if callable(getattr(thing, forward, None)):
                return object_subject(thing, inputs, kwargs, forward)
    if callable(thing):
        return _loss_or_callable(thing, inputs, kwargs)
    raise SubjectError(f"expected {_ACCEPTED}, got {thing!r}")


def _function_of(thing: Any) -> Any:
    """Return the autograd Function of its `apply`, and anything else as it is."""
    owner = getattr(thing, "__self__", None)
    is_apply = isinstance(owner, type) and issubclass(owner, torch.autograd.Function)
    return owner if is_apply and getattr(thing, "__name__", "") == "apply" else thing


def _loss_or_callable(thing: Callable[..., Any], inputs: Sequence[Any], kwargs: Mapping[str, Any]) -> Subject:
    """Run a function once: it returns (loss, grad_logits), or outputs that autograd can differentiate."""
    args = Arguments(argument_names(thing, len(inputs)), inputs, kwargs)
    values, options = args.substitute({name: tensor.clone() for name, tensor in args.tensors.items()})
    called = on_arrays(thing) if args.has_arrays else thing
    try:
        result = called(*values, **options)
    except (MemoryError, torch.OutOfMemoryError, SubjectError):
        raise
    except Exception as error:
        raise SubjectError(f"{function_name(thing)}: the forward pass raises {sentence(error)}") from error
    if args.has_arrays:
        return loss_subject(thing, inputs, kwargs)
    if is_loss_result(result):
        fits = not isinstance(inputs[0], Tensor) or getattr(result[1], "shape", None) == inputs[0].shape
        try:
            # Two scalars may also be two outputs.
            return loss_subject(thing, inputs, kwargs) if fits else callable_subject(thing, inputs, kwargs)
        except SubjectError:
            return loss_subject(thing, inputs, kwargs)
    return callable_subject(thing, inputs, kwargs)


def with_forward(
    subject: Subject,
    function: Callable[..., Any],
    inputs: Sequence[Any],
    kwargs: Mapping[str, Any] | None,
    takes_arrays: bool,
) -> Subject:
    """Return the subject with another forward, the one whose gradient the backward is meant to be.

    `takes_arrays` tells whether it takes NumPy arrays if the inputs are arrays; a reference is always one of tensors. A
    module computes with the subject's weights of the same names, and a function gets those that it has
    arguments for.
    """
    args = Arguments(argument_names(function, len(inputs)), inputs, kwargs)
    names = dict(zip(args.inputs, subject.inputs, strict=False))
    weights = subject.tensors.keys() - set(subject.inputs)
    called = on_arrays(function) if args.has_arrays and takes_arrays else function
    taken = weights & inspect.signature(function).parameters.keys() if weights else set()

    def forward(tensors: Tensors) -> Outputs:
        values, options = args.substitute(tensors, names)
        own = {name: tensors[name] for name in weights}
        if isinstance(function, nn.Module):
            return float_outputs(copy_module(function, own)(*values, **options), tensors)
        return float_outputs(called(*values, **options, **{name: own[name] for name in taken}), tensors)

    return replace(subject, forward=forward, traceable=True)
