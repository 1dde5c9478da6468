"""Subjects made from modules with a hand-written backward: a layer, or a network with its loss."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from torchnet.checking.subjects.module_copies import copier, copy_module, plain_tensors
from torchnet.checking.subjects.subject import (
    Gradients,
    Loss,
    Outputs,
    Subject,
    SubjectError,
    Tensors,
    argument_names,
    call_loss,
    float_outputs,
    function_name,
    has_gradient,
    is_float,
    like_outputs,
    num_arguments,
)
from torchnet.checking.subjects.trees import Arguments
from torchnet.losses import cross_entropy


def module_subject(
    module: nn.Module, inputs: Sequence[Any], loss: Loss | None, kwargs: Mapping[str, Any] = {}
) -> Subject:
    """Return the subject for a module and its inputs; with a loss, inputs that forward does not take are targets.

    Every pass runs on a fresh copy of the module, so state that one pass leaves behind cannot affect another pass, and
    the caller's module never runs.
    """
    if not callable(getattr(module, "backward", None)):
        raise SubjectError(
            f"{type(module).__name__} has no backward: write backward(grad_output), which sets .grad of the weights "
            "and returns the gradient of the input"
        )
    takes = num_arguments(module.forward)
    if loss is None and len(inputs) > takes:
        if is_float(inputs[-1]) and not any(True for _ in module.children()):
            raise SubjectError(
                f"{type(module).__name__}.forward takes {takes} input, got {len(inputs)}: to check it with a loss and "
                "targets, pass loss=..."
            )
        loss = cross_entropy
    inputs, targets = (inputs[:takes], inputs[takes:]) if loss is not None else (inputs, [])
    weights = {name: weight.detach().clone() for name, weight in module.named_parameters() if is_float(weight)}
    pristine = copy_module(module, {name: _Weight(weight, False) for name, weight in weights.items()}).train()
    names = ["input"] if len(inputs) == 1 else argument_names(pristine.forward, len(inputs))
    args = Arguments([f"{name} (input)" if name in weights else name for name in names], inputs, kwargs)
    after = Arguments([f"targets {i}" if i else "targets" for i in range(len(targets))], targets)
    tensors = weights | args.tensors
    own_dtype = _common_dtype(tensors)
    complaints: list[str] = []
    copy_pristine = copier(pristine)
    state = [*pristine.named_buffers(), *plain_tensors(pristine)]

    def buffers(tensors: Tensors) -> Tensors:
        """Return copies, as a forward pass may change them, in the dtype that the tensors were converted to."""
        dtype = _common_dtype({name: tensors[name] for name in (*weights, *args.tensors)})
        return {
            name: buffer.to(dtype) if buffer.is_floating_point() and dtype != own_dtype else buffer.clone()
            for name, buffer in state
        }

    def forward(tensors: Tensors) -> Outputs:
        runner = copy_pristine({name: tensors[name] for name in weights} | buffers(tensors))
        values, options = args.substitute(tensors)
        output = runner(*values, **options)
        if loss is not None:
            output = call_loss(loss, output, after.substitute(tensors)[0])[0]
        return float_outputs(output, tensors)

    def backward(
        tensors: Tensors, grad_outputs: Outputs, instance: nn.Module | None = None, input_grad: bool = True
    ) -> Gradients:
        runner: Any = copy_pristine({}) if instance is None else instance
        _replace_tensors(runner, buffers(tensors))
        for name in weights:
            runner.get_parameter(name).data = tensors[name]
        values, keywords = args.substitute(tensors)
        output = runner(*values, **keywords)
        if loss is None:
            grads = like_outputs(grad_outputs, [x for x in tree_leaves(output) if has_gradient(x)])
        else:
            grads = [call_loss(loss, output, after.substitute(tensors)[0])[1]]
        options = {"input_grad": input_grad} if takes_input_grad(runner) else {}
        returned = runner.backward(*grads, **options)
        # If backward rebound the data of a weight, let the caller see it.
        tensors.update({name: runner.get_parameter(name).data for name in weights})
        gradients = {name: runner.get_parameter(name).grad for name in weights}
        return gradients | (args.name_gradients("backward", returned, complaints) if input_grad else {})

    return Subject(
        type(module).__name__ + ("" if loss is None else f" + {function_name(loss)}"),
        tensors,
        next(iter(args.tensors or weights)),
        forward,
        backward,
        constants=args.constants | after.constants | after.tensors,
        arguments=frozenset(args.numbers),
        complex_names=frozenset(args.complex_names),
        numbers=args.numbers | _numbers(module),
        inputs=(*args.inputs, *after.inputs),
        module=pristine,
        args=tuple(inputs),
        loss=loss,
        targets=tuple(targets),
        is_loss=loss is not None,
        notes=tuple(_notes(module)),
        complaints=complaints,
    )


def takes_input_grad(module: Any) -> bool:
    """Whether the module's backward takes `input_grad`, which can skip the gradient of the input."""
    return "input_grad" in inspect.signature(module.backward).parameters


def _replace_tensors(module: nn.Module, tensors: Tensors) -> None:
    """Give buffers and plain tensors of a module, by path, other values."""
    for name, tensor in tensors.items():
        path, _, attribute = name.rpartition(".")
        part = module.get_submodule(path)
        if attribute in part._buffers:
            part.get_buffer(attribute).data = tensor
        else:
            setattr(part, attribute, tensor)


def _numbers(module: nn.Module) -> dict[str, float]:
    """Return the floating-point attributes of a module and its parts, such as a probability or an epsilon."""
    return {name: value for part in module.modules() for name, value in vars(part).items() if type(value) is float}


class _Weight(nn.Parameter):
    """A parameter whose .grad may have any shape and dtype: torch would raise, the check must diagnose it."""

    grad: Any = None


def _notes(module: nn.Module) -> Iterator[str]:
    if not module.training:
        yield "checked in training mode"
    for name, _ in plain_tensors(module):
        yield f"{name} is a plain tensor, not a parameter: its gradient, if it needs one, is not checked"


def _common_dtype(tensors: Tensors) -> torch.dtype:
    """Return the dtype that all tensors promote to; complex if one of them is."""
    return reduce(torch.promote_types, (tensor.dtype for tensor in tensors.values()))
