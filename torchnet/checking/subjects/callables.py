"""Subjects whose backward autograd runs: autograd Functions, callables around them, and modules of such."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.autograd.function import FunctionCtx
from torch.utils._pytree import tree_leaves

from torchnet.checking.subjects.subject import (
    Gradients,
    Graph,
    Outputs,
    Subject,
    SubjectError,
    Tensors,
    argument_names,
    copies,
    describe,
    float_outputs,
    function_name,
    has_gradient,
    is_float,
    sentence,
)
from torchnet.checking.subjects.trees import Arguments

Call = Callable[..., Any]


def function_subject(
    function: type[torch.autograd.Function], inputs: Sequence[Any], kwargs: Mapping[str, Any]
) -> Subject:
    """The backward of an autograd Function; its forward, run without autograd's rules, is what the oracles see."""
    has_context = function.setup_context is torch.autograd.Function.setup_context
    names = argument_names(function.forward, len(inputs), skip=int(has_context))
    args = Arguments(names, inputs, kwargs)
    kept = _differentiable(function.__name__, function.apply, args)

    def forward(tensors: Tensors) -> Outputs:
        context: Any = FunctionCtx()
        values, options = args.substitute(tensors)
        context.needs_input_grad = tuple(has_gradient(x) for x in values)
        returned = function.forward(*([context] if has_context else []), *values, **options)
        outputs = float_outputs(returned, tensors)
        return tuple(outputs[i] for i in kept)

    return _subject(function.__name__, function.apply, args, forward, kept, traceable=True, function=function)


def callable_subject(call: Call, inputs: Sequence[Any], kwargs: Mapping[str, Any]) -> Subject:
    """A function of tensors that autograd can differentiate; its own backward is what is checked."""
    args = Arguments(argument_names(call, len(inputs)), inputs, kwargs)
    name = function_name(call)
    kept = _differentiable(name, call, args)

    def forward(tensors: Tensors) -> Outputs:
        values, options = args.substitute(tensors)
        outputs = float_outputs(call(*values, **options), tensors)
        return tuple(outputs[i] for i in kept)

    return _subject(name, call, args, forward, kept, traceable=False)


def plain_module_subject(
    module: nn.Module,
    inputs: Sequence[Any],
    kwargs: Mapping[str, Any],
    with_tensors: Callable[[Tensors, torch.dtype], nn.Module],
) -> Subject:
    """A module without a backward of its own, such as one around autograd Functions, with its weights.

    `with_tensors` returns a copy of the module that computes with other weights, its buffers in their dtype.
    """
    names = ["input"] if len(inputs) == 1 else argument_names(module.forward, len(inputs))
    weights = {n: w.detach().clone() for n, w in module.named_parameters() if is_float(w)}
    names = [f"{name} (input)" if name in weights else name for name in names]
    args = Arguments(names, inputs, kwargs)
    arguments = _WithWeights(args, weights)

    def call(tensors: Tensors) -> Any:
        values, options = args.substitute(tensors)
        own = {name: tensors[name] for name in weights}
        return with_tensors(own, next(iter((own or args.tensors).values())).dtype)(*values, **options)

    kept = _differentiable(type(module).__name__, call, arguments)

    def forward(tensors: Tensors) -> Outputs:
        outputs = float_outputs(call(tensors), tensors)
        return tuple(outputs[i] for i in kept)

    return _subject(type(module).__name__, call, arguments, forward, kept, traceable=False)


class _WithWeights:
    """The arguments of a module's forward together with its weights, in the form of Arguments."""

    def __init__(self, args: Arguments, weights: Tensors) -> None:
        self.tensors = weights | args.tensors
        self.constants, self.numbers, self.inputs = args.constants, args.numbers, args.inputs
        self.complex_names = args.complex_names

    def substitute(self, tensors: Tensors) -> tuple[list[Any], dict[str, Any]]:
        return [tensors], {}


def _subject(
    name: str, call: Call, args: Any, forward: Callable[[Tensors], Outputs], kept: Sequence[int], **options: Any
) -> Subject:
    def graph(tensors: Tensors, wanted: Iterable[str]) -> Graph:
        with torch.enable_grad():
            leaves = {name: x.detach().requires_grad_() if name in wanted else x for name, x in tensors.items()}
            given = copies(leaves)  # the function may work in place, which autograd forbids on leaves
            values, keywords = args.substitute(given)
            outputs = float_outputs(call(*values, **keywords), leaves)
        return Graph({name: leaves[name] for name in wanted}, given, tuple(outputs[i] for i in kept))

    def backward(tensors: Tensors, grad_outputs: Outputs) -> Gradients:
        leaves, given, outputs = graph(tensors, args.tensors)
        before = {key: x.detach().clone() for key, x in given.items()}
        pairs = [(output, grad) for output, grad in zip(outputs, grad_outputs, strict=True) if output.requires_grad]
        kept_outputs, grads = zip(*pairs, strict=True)
        gradients = torch.autograd.grad(kept_outputs, list(leaves.values()), grads, allow_unused=True)
        # Let the caller see what backward changed; what the forward changed is checked elsewhere.
        tensors.update({key: x.detach() for key, x in given.items() if not torch.equal(x.detach(), before[key])})
        return dict(zip(leaves, gradients, strict=True))

    first = next(iter(args.inputs), next(iter(args.tensors), ""))
    return Subject(
        name,
        dict(args.tensors),
        first if first in args.tensors else next(iter(args.tensors)),
        forward,
        backward,
        graph,
        constants=args.constants,
        arguments=frozenset(args.numbers),
        complex_names=frozenset(args.complex_names),
        numbers=args.numbers,
        inputs=args.inputs,
        **options,
    )


def _differentiable(name: str, call: Call, args: Any) -> list[int]:
    """Return which of the floating-point outputs have a gradient; others are marked as non-differentiable."""
    with torch.enable_grad():
        leaves = {key: tensor.clone().requires_grad_() for key, tensor in args.tensors.items()}
        values, options = args.substitute(copies(leaves))
        try:
            returned = call(*values, **options)
        except SubjectError:
            raise
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            raise SubjectError(f"{name}: the forward pass raises {sentence(error)}") from error
    outputs = [x for x in tree_leaves(returned) if has_gradient(x)]
    kept = [i for i, x in enumerate(outputs) if x.requires_grad]
    if not kept:
        raise SubjectError(
            f"{name}: expected outputs with a gradient, or (loss, grad_logits), got {describe(tree_leaves(returned))}: "
            "pass a pair (forward, backward), or a function that autograd can differentiate"
        )
    return kept
