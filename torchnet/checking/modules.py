"""A module with a hand-written backward, alone or as a network with its loss, brought to the one form."""

import copy
import inspect
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from torchnet.checking.arguments import (
    as_outputs,
    by_name,
    filled,
    is_real,
    loss_and_grad,
    name_of,
    number_of_inputs,
    parameter_names,
    real_tensors,
)
from torchnet.checking.subject import Gradients, Loss, Outputs, Subject, SubjectError, Tensors
from torchnet.losses import cross_entropy


def module_subject(module: nn.Module, inputs: Sequence[Any], loss: Loss | None) -> Subject:
    """Return the subject that a module and its inputs make; with a loss, what its forward does not take are targets.

    The module handed over, and the copy that is kept of it, never run: every pass has a copy of its own, so that
    nothing which a forward pass leaves behind, on purpose or by mistake, reaches another pass.

    Raises:
        SubjectError: if the module has no backward.
    """
    if not callable(getattr(module, "backward", None)):
        raise SubjectError(
            f"{type(module).__name__} has no backward: write backward(grad_output), which writes .grad of the weights "
            "and returns the gradient of the input"
        )
    takes = number_of_inputs(module.forward)
    if loss is None and len(inputs) > takes:
        if is_real(inputs[-1]) and not any(True for _ in module.children()):
            raise SubjectError(
                f"{type(module).__name__}.forward takes {takes} input, got {len(inputs)}: to check it with a loss and "
                "targets, name the loss"
            )
        loss = cross_entropy
    args, targets = (inputs[:takes], inputs[takes:]) if loss is not None else (inputs, [])
    notes = list(_notes(module))
    pristine = copy_of(module).train()
    weights = {name: weight.detach() for name, weight in pristine.named_parameters() if is_real(weight)}
    names = ["input"] if len(args) == 1 else parameter_names(pristine.forward, args)
    names = [f"{name} (input)" if name in weights else name for name in names]
    tensors = weights | real_tensors(names, args)
    own_dtype = _common_dtype(tensors)

    def buffers(tensors: Tensors) -> Tensors:
        """Return copies, as a forward pass may change them; in the dtype that the tensors were brought to."""
        dtype = _common_dtype(tensors)
        return {
            name: buffer.to(dtype) if buffer.is_floating_point() and dtype != own_dtype else buffer.clone()
            for name, buffer in pristine.named_buffers()
        }

    def forward(tensors: Tensors) -> Outputs:
        state = {name: tensors[name] for name in weights} | buffers(tensors)
        output = functional_call(copy_of(pristine, share=True), state, tuple(filled(names, args, tensors)))
        return as_outputs(output) if loss is None else (loss_and_grad(loss, output, targets)[0],)

    def backward(
        tensors: Tensors, grad_outputs: Outputs, instance: nn.Module | None = None, input_grad: bool = True
    ) -> Gradients:
        subject: Any = copy_to_run(pristine) if instance is None else instance
        for name, buffer in buffers(tensors).items():
            subject.get_buffer(name).data = buffer
        for name in weights:
            subject.get_parameter(name).data = tensors[name]
        output = subject(*filled(names, args, tensors))
        grads = grad_outputs if loss is None else (loss_and_grad(loss, output, targets)[1],)
        options = {"input_grad": input_grad} if takes_input_grad(subject) else {}
        returned = subject.backward(*grads, **options)
        tensors.update({name: subject.get_parameter(name).data for name in weights})  # should backward have set them
        gradients = {name: subject.get_parameter(name).grad for name in weights}
        return gradients | (by_name("backward", returned, names, args) if input_grad else {})

    return Subject(
        type(module).__name__ + ("" if loss is None else f" + {name_of(loss)}"),
        tensors,
        next(iter(real_tensors(names, args) or weights)),
        forward,
        backward,
        pristine,
        tuple(args),
        loss,
        tuple(targets),
        is_loss=loss is not None,
        notes=tuple(notes),
    )


def takes_input_grad(module: Any) -> bool:
    """Whether the backward of a module can be told to leave out the gradient of the input."""
    return "input_grad" in inspect.signature(module.backward).parameters


def copy_of(module: nn.Module, share: bool = False) -> nn.Module:
    """Return a copy of a module, and of the tensors that it keeps.

    Args:
        module: to copy.
        share: leave its parameters and buffers shared, for a pass that is called with others in their place.
    """
    memo: dict[int, Any] = {}
    for part in module.modules():
        # A module has a dozen dictionaries of hooks; to come to copying an empty one takes longer than to make it anew.
        memo |= {id(hooks): OrderedDict() for hooks in vars(part).values() if type(hooks) is OrderedDict and not hooks}
        if share:
            memo |= {id(tensor): tensor for tensor in (*part._parameters.values(), *part._buffers.values())}
        for tensor in _tensors_in(list(vars(part).values())):
            if tensor.grad_fn is not None:  # what an earlier pass under autograd left behind cannot be copied as it is
                memo[id(tensor)] = tensor.detach().clone()
    return copy.deepcopy(module, memo)


class _Weight(nn.Parameter):
    """A weight whose gradient may have any shape and dtype: a wrong one is to be diagnosed, torch would raise."""

    grad: Any = None


def copy_to_run(module: nn.Module) -> nn.Module:
    """Return a copy of a module for a hand-written backward."""
    copied, weights = copy_of(module), dict[int, _Weight]()
    for part in copied.modules():
        for name, weight in part._parameters.items():
            if weight is not None:  # a weight that is tied in two places stays one
                part._parameters[name] = weights.setdefault(id(weight), _Weight(weight.data, requires_grad=False))
    return copied


def _tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _tensors_in(item)


def _notes(module: nn.Module) -> Iterator[str]:
    if not module.training:
        yield "checked in training mode"
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if is_real(value) and not name.startswith("_"):
                where = f"{path}.{name}" if path else name
                yield f"{where} is a plain tensor and no parameter: should it have a gradient, it is not checked"


def _common_dtype(tensors: Tensors) -> torch.dtype:
    """Return the dtype that holds them all: complex as soon as one is."""
    dtype = next(iter(tensors.values())).dtype
    for tensor in tensors.values():
        dtype = torch.promote_types(dtype, tensor.dtype)
    return dtype
