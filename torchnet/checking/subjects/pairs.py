"""Subjects made from a pair of functions, or from a loss that returns its gradient."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from torchnet.checking.subjects.objects import object_subject
from torchnet.checking.subjects.subject import (
    Gradients,
    Loss,
    Outputs,
    Subject,
    SubjectError,
    Tensors,
    accepts,
    argument_names,
    as_tuple,
    call_loss,
    describe,
    float_outputs,
    function_name,
    has_gradient,
    like_outputs,
    num_arguments,
)
from torchnet.checking.subjects.trees import Arguments, on_arrays

Function = Callable[..., Any]

_UPSTREAM = ("g", "gy", "dy", "dz", "da", "delta")  # names of a gradient, beside those that begin with the next
_PREDICTIONS = ("pred", "logit", "output", "y_hat", "yhat", "score")  # parts of the name of a prediction
_UPSTREAM_BEGINS = ("grad", "dout", "upstream")


def loss_subject(loss: Loss, inputs: Sequence[Any], kwargs: Mapping[str, Any]) -> Subject:
    """A function that returns (loss, gradient of its first argument); the other arguments are targets."""
    args = Arguments(argument_names(loss, len(inputs)), inputs, kwargs)
    loss = on_arrays(loss) if args.has_arrays else loss
    root, name = args.roots[0], function_name(loss)
    tensors = {key: x for key, x in args.tensors.items() if key == root or key.startswith(f"{root}[")}
    complaints: list[str] = []

    def call(tensors: Tensors) -> tuple[Tensor, Any]:
        values, options = args.substitute(tensors)
        return call_loss(loss, values[0], values[1:], **options)

    def forward(tensors: Tensors) -> Outputs:
        return (call(tensors)[0],)

    def backward(tensors: Tensors, grad_outputs: Outputs) -> Gradients:
        returned = (call(tensors)[1], *[None] * (len(inputs) - 1))
        return {key: x for key, x in args.name_gradients(name, returned, complaints).items() if key in tensors}

    if not tensors:
        raise SubjectError(
            f"{name}: expected floating-point logits as the first argument, got {describe(as_tuple(inputs[0]))}"
        )
    others = {key: x for key, x in args.tensors.items() if key not in tensors}
    return Subject(
        name,
        tensors,
        next(iter(tensors)),
        forward,
        backward,
        is_loss=True,
        constants=args.constants | others,
        arguments=frozenset(args.numbers),
        complex_names=frozenset(args.complex_names),
        numbers=args.numbers,
        inputs=args.inputs,
        complaints=complaints,
    )


def pair_subject(forward: Function, backward: Function, inputs: Sequence[Any], kwargs: Mapping[str, Any]) -> Subject:
    """A pair of functions: the backward takes the upstream gradients, then the inputs or what the forward remembered.

    A function of the inputs alone returns the derivative: of an elementwise function, of a scalar, or a Jacobian.
    """
    owner = getattr(forward, "__self__", None)
    if owner is not None and owner is getattr(backward, "__self__", None) and not inspect.ismodule(owner):
        return object_subject(owner, inputs, kwargs, forward.__name__, backward.__name__)
    names = argument_names(forward, len(inputs))
    args = Arguments(names, inputs, kwargs)
    name, what = function_name(forward), function_name(backward)
    named = _named(backward, kwargs)
    if args.has_arrays:
        forward, backward = on_arrays(forward), on_arrays(backward)
    complaints: list[str] = []

    def split(result: Any) -> tuple[Any, list[Any]]:
        """Return the outputs of forward, and [cache] if backward takes a cache."""
        if not isinstance(result, tuple):
            return result, []
        takes = num_arguments(backward)
        floats = sum(map(has_gradient, result))
        # backward(g, x) of a function that returns (values, indices) looks like backward(g, cache): compare the names.
        like_inputs = takes == floats + len(inputs) and (
            argument_names(backward, takes)[floats:] == names or names[0] == "input 0"
        )
        if takes == 1 or (takes == len(result) and not like_inputs):  # 1: it takes any number
            return result[:-1], [result[-1]]
        return result, []

    def outputs(tensors: Tensors) -> Outputs:
        values, options = args.substitute(tensors)
        return float_outputs(split(forward(*values, **options))[0], tensors)

    def gradients(tensors: Tensors, grad_outputs: Outputs) -> Gradients:
        values, options = args.substitute(tensors)
        returned = forward(*values, **options)
        result, cache = split(returned)
        extra = {name: options[name] for name in named}
        like = [x for x in tree_leaves(result) if has_gradient(x)]
        grads = like_outputs(grad_outputs, like)
        given = cache or values
        if accepts(backward, len(grads) + len(given), named):
            found = backward(*grads, *given, **extra)
        elif accepts(backward, len(values), named) and not _takes_upstream(backward):
            found = _times_upstream(backward(*values, **extra), grads[0])
            if len(found) == 1 < len(values):  # the derivative of one argument only
                args.alone = _differentiated(names)
                found = tuple(found[0] if root == args.alone else None for root in names)
        elif accepts(backward, len(grads), named):
            found = backward(*grads, **extra)
        else:
            raise SubjectError(
                f"{what}: expected backward(grad_output, *inputs), or backward(grad_output, cache) with a forward that "
                f"returns (output, cache); it takes {num_arguments(backward)} arguments, forward takes {len(inputs)} "
                f"and returns {describe(as_tuple(returned))}"
            )
        return args.name_gradients(what, found, complaints)

    notes = _restrict(args, lambda: gradients(dict(args.tensors), _ones(outputs(dict(args.tensors)))), complaints)
    return Subject(
        name,
        args.tensors,
        next(iter(args.tensors)),
        outputs,
        gradients,
        notes=notes,
        constants=args.constants,
        arguments=frozenset(args.numbers),
        complex_names=frozenset(args.complex_names),
        numbers=args.numbers,
        inputs=args.inputs,
        complaints=complaints,
    )


def _ones(outputs: Outputs) -> Outputs:
    return tuple(torch.ones_like(output) for output in outputs)


def _restrict(args: Arguments, run: Callable[[], Gradients], complaints: list[str]) -> tuple[str, ...]:
    """If the backward returns the gradient of one argument alone, check that one; return a note."""
    if len(args.roots) < 2 or args.flagged:
        return ()
    try:
        run()
    except Exception:  # reported by the first pass
        return ()
    finally:
        complaints.clear()
    if args.alone is None:
        return ()
    args.select(args.alone)
    return (f"only the gradient of {args.alone} is returned, and checked",)


def _named(function: Function, kwargs: Mapping[str, Any]) -> list[str]:
    """Return the names of the keyword arguments of the forward that a backward takes, too."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return []
    return [name for name in kwargs if name in parameters]


def _takes_upstream(backward: Function) -> bool:
    """Whether the first argument of a function is an upstream gradient, by its name."""
    name = argument_names(backward, 1)[0].lower()
    return name in _UPSTREAM or name.startswith(_UPSTREAM_BEGINS)


def _differentiated(names: Sequence[str]) -> str:
    """Return the argument that a derivative of one argument is of: the prediction, or the first."""
    return next((name for name in names if any(part in name.lower() for part in _PREDICTIONS)), names[0])


def _times_upstream(derivative: Any, grad: Tensor) -> tuple[Any, ...]:
    """Return the gradients of inputs from the derivatives of the output: elementwise, of a scalar, or a Jacobian."""

    def product(slope: Any) -> Any:
        if not isinstance(slope, Tensor) or slope.shape == grad.shape or grad.dim() == 0:
            return slope * grad
        if slope.shape[: grad.dim()] == grad.shape:
            return torch.tensordot(grad, slope.to(grad.dtype), dims=grad.dim())
        return slope

    return tuple(product(slope) if slope is not None else None for slope in as_tuple(derivative))
