"""What can be checked, brought to one form: modules and networks, losses, pairs of functions, autograd Functions."""

import copy
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from torchnet.checking.subject import Gradients, Loss, Outputs, Subject, SubjectError, Tensors
from torchnet.losses import cross_entropy

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
ACCEPTED = (
    "a module with a hand-written backward, a loss (logits, targets) -> (loss, grad_logits), "
    "a pair (forward, backward) of functions, or a class derived from torch.autograd.Function"
)


def as_subject(thing: Any, inputs: Sequence[Any], loss: Loss | None = None) -> Subject:
    """Return the subject that a thing and its inputs make.

    Raises:
        SubjectError: if the thing is none that can be checked, or the inputs do not fit it.
    """
    if isinstance(thing, tuple) and any(isinstance(x, np.ndarray) for x in inputs):
        thing = tuple(_on_arrays(function) if callable(function) else function for function in thing)
    inputs = [torch.from_numpy(x) if isinstance(x, np.ndarray) else x for x in inputs]
    if not any(_is_real(x) for x in inputs):
        raise SubjectError(
            f"expected inputs to check at, at least one of them a floating-point tensor, got {_kinds(inputs)}: "
            "check(subject, torch.randn(7, 5), ...)"
        )
    if isinstance(thing, nn.Module):
        return _module_subject(thing, inputs, loss)
    if isinstance(thing, type) and issubclass(thing, torch.autograd.Function):
        return _function_subject(thing, inputs)
    if isinstance(thing, type):
        raise SubjectError(f"expected an instance, got the class {thing.__name__}: make one, {thing.__name__}(...)")
    if isinstance(thing, tuple) and len(thing) == 2 and all(callable(function) for function in thing):
        return _pair_subject(*thing, inputs)
    if callable(thing):
        return _loss_subject(thing, inputs)
    raise SubjectError(f"expected {ACCEPTED}, got {thing!r}")


def _module_subject(module: nn.Module, inputs: Sequence[Any], loss: Loss | None) -> Subject:
    if not callable(getattr(module, "backward", None)):
        raise SubjectError(
            f"{type(module).__name__} has no backward: write backward(grad_output), which writes .grad of the weights "
            "and returns the gradient of the input"
        )
    takes = _number_of_inputs(module.forward)
    if loss is None and len(inputs) > takes:  # what forward does not take are targets
        loss = cross_entropy
    args, targets = (inputs[:takes], inputs[takes:]) if loss is not None else (inputs, [])
    names = ["input"] if len(args) == 1 else _parameter_names(module.forward, args)
    module = copy.deepcopy(module).train()
    weights = {name: weight.detach() for name, weight in module.named_parameters()}
    tensors = weights | _real_tensors(names, args)
    own_dtype = next(iter(tensors.values())).dtype

    def buffers(tensors: Tensors) -> Tensors:
        """Return copies, as a forward pass may change them; in the dtype that the tensors were brought to."""
        dtype = _common_dtype(tensors)
        return {
            name: buffer.to(dtype) if buffer.is_floating_point() and dtype != own_dtype else buffer.clone()
            for name, buffer in module.named_buffers()
        }

    def forward(tensors: Tensors) -> Outputs:
        state = {name: tensors[name] for name in weights} | buffers(tensors)
        output = functional_call(module, state, tuple(_filled(names, args, tensors)))
        return _as_outputs(output) if loss is None else (_loss_and_grad(loss, output, targets)[0],)

    def backward(tensors: Tensors, grad_outputs: Outputs, stale: Tensors | None = None) -> Gradients:
        subject = copy.deepcopy(module)
        for name, buffer in buffers(tensors).items():
            subject.get_buffer(name).data = buffer
        for name in weights:
            weight = subject.get_parameter(name)
            weight.data, weight.grad = tensors[name], (stale or {}).get(name)
        output = subject(*_filled(names, args, tensors))
        grads: tuple[Tensor, ...] = grad_outputs
        if loss is not None:
            grads = (_loss_and_grad(loss, output, targets)[1],)
        returned = _call_backward(subject, grads)
        tensors.update({name: subject.get_parameter(name).data for name in weights})  # should backward have set them
        gradients = {name: subject.get_parameter(name).grad for name in weights}
        return gradients | _by_name("backward", returned, names, args)

    name = type(module).__name__ + ("" if loss is None else f" + {_name_of(loss)}")
    return Subject(
        name,
        tensors,
        next(iter(_real_tensors(names, args))),
        forward,
        backward,
        module,
        tuple(args),
        loss,
        tuple(targets),
        is_loss=loss is not None,
    )


def _call_backward(module: Any, grad_outputs: Outputs) -> Any:
    asks = "input_grad" in inspect.signature(module.backward).parameters
    return module.backward(*grad_outputs, **({"input_grad": True} if asks else {}))


def _loss_subject(loss: Loss, inputs: Sequence[Any]) -> Subject:
    """The gradient of a loss is that of its first argument, the logits; what follows are targets."""
    if not _is_real(inputs[0]):
        raise SubjectError(f"{_name_of(loss)}: expected floating-point logits first, got {_kinds(inputs[:1])}")
    name = _parameter_names(loss, inputs)[0]
    rest = inputs[1:]

    def forward(tensors: Tensors) -> Outputs:
        return (_loss_and_grad(loss, tensors[name], rest)[0],)

    def backward(tensors: Tensors, grad_outputs: Outputs) -> Gradients:
        return {name: _loss_and_grad(loss, tensors[name], rest)[1]}

    return Subject(_name_of(loss), {name: inputs[0].detach()}, name, forward, backward, is_loss=True)


def _loss_and_grad(loss: Loss, logits: Tensor, targets: Sequence[Any]) -> tuple[Tensor, Tensor]:
    result: Any = loss(logits, *targets)
    if isinstance(result, tuple) and len(result) == 2 and all(isinstance(part, Tensor) for part in result):
        value, grad = result
        if value.dim() == 0:
            return value, grad
    raise SubjectError(
        f"{_name_of(loss)}: expected a loss that returns (loss, grad_logits), the loss a single number, "
        f"got {_kinds(result if isinstance(result, tuple) else [result])}; what can be checked is {ACCEPTED}"
    )


def _pair_subject(forward: Callable[..., Any], backward: Callable[..., Any], inputs: Sequence[Any]) -> Subject:
    """Bring a pair of functions to one form: with explicit inputs, or with a cache that forward hands to backward."""
    names = _parameter_names(forward, inputs)

    def outputs(tensors: Tensors) -> Outputs:
        result = forward(*_filled(names, inputs, tensors))
        return _as_outputs(result[0] if isinstance(result, tuple) else result)

    def gradients(tensors: Tensors, grad_outputs: Outputs) -> Gradients:
        args = _filled(names, inputs, tensors)
        result = forward(*args)
        if isinstance(result, tuple):
            _, *cache = result
            returned = backward(*grad_outputs, *cache)
        else:
            returned = backward(*grad_outputs, *args)
        return _by_name(_name_of(backward), returned, names, inputs)

    tensors = _real_tensors(names, inputs)
    return Subject(_name_of(forward), tensors, next(iter(tensors)), outputs, gradients)


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
    return torch.as_tensor(x) if isinstance(x, (np.ndarray, np.number)) else x


def _function_subject(function: type[torch.autograd.Function], inputs: Sequence[Any]) -> Subject:
    """The hand-written gradient is what autograd gets from the function; the oracles see only its forward."""
    has_context = function.setup_context is torch.autograd.Function.setup_context
    names = _parameter_names(function.forward, inputs, skip=int(has_context))

    def forward(tensors: Tensors) -> Outputs:
        args = _filled(names, inputs, tensors)
        return _as_outputs(function.forward(_Context(), *args) if has_context else function.forward(*args))

    def backward(tensors: Tensors, grad_outputs: Outputs) -> Gradients:
        with torch.enable_grad():
            leaves = {name: tensor.detach().requires_grad_() for name, tensor in tensors.items()}
            outputs = _as_outputs(function.apply(*_filled(names, inputs, leaves)))
            gradients = torch.autograd.grad(outputs, list(leaves.values()), grad_outputs, allow_unused=True)
        return dict(zip(leaves, gradients, strict=True))

    tensors = _real_tensors(names, inputs)
    return Subject(function.__name__, tensors, next(iter(tensors)), forward, backward)


class _Context:
    """What an autograd Function's forward may say to its context, with nobody listening."""

    needs_input_grad = (True,) * 64

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        self.saved_tensors = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None: ...
    def mark_non_differentiable(self, *tensors: Tensor) -> None: ...
    def mark_dirty(self, *tensors: Tensor) -> None: ...
    def set_materialize_grads(self, value: bool) -> None: ...


def _is_real(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point()


def _real_tensors(names: Sequence[str], inputs: Sequence[Any]) -> Tensors:
    return {name: x.detach() for name, x in zip(names, inputs, strict=True) if _is_real(x)}


def _filled(names: Sequence[str], inputs: Sequence[Any], tensors: Tensors) -> list[Any]:
    """Return the inputs with the current value of each tensor among them."""
    return [tensors[name] if _is_real(x) else x for name, x in zip(names, inputs, strict=True)]


def _by_name(what: str, returned: Any, names: Sequence[str], inputs: Sequence[Any]) -> Gradients:
    """Give the gradients that a backward returned, one for each input or for each real one, their names."""
    returned = tuple(returned) if isinstance(returned, (tuple, list)) else (returned,)
    real = [name for name, x in zip(names, inputs, strict=True) if _is_real(x)]
    if len(returned) == len(names):
        by_name = dict(zip(names, returned, strict=True))
    elif len(returned) == len(real):
        by_name = dict(zip(real, returned, strict=True))
    else:
        raise SubjectError(
            f"{what}: expected one gradient for each input ({', '.join(names)}), got {len(returned)}: "
            "return None for an input that has none"
        )
    for name in real:
        if not isinstance(by_name[name], Tensor | None):
            raise SubjectError(f"{what}: expected a tensor as the gradient of {name}, got {_kinds([by_name[name]])}")
    return {name: by_name[name] for name in real}


def _as_outputs(output: Any) -> Outputs:
    """Return the outputs that have a gradient: indices and flags have none."""
    returned = tuple(output) if isinstance(output, (tuple, list)) else (output,)
    outputs = tuple(x for x in returned if isinstance(x, Tensor) and (x.is_floating_point() or x.is_complex()))
    if not outputs:
        raise SubjectError(f"expected a forward that returns a floating-point tensor, got {_kinds(returned)}")
    return outputs


def _common_dtype(tensors: Tensors) -> torch.dtype:
    """Return the dtype that holds them all: complex as soon as one is."""
    dtype = next(iter(tensors.values())).dtype
    for tensor in tensors.values():
        dtype = torch.promote_types(dtype, tensor.dtype)
    return dtype


def _number_of_inputs(forward: Callable[..., Any]) -> int:
    """Return how many positional arguments it takes; 1, as of a network, if it takes any number."""
    kinds = [parameter.kind for parameter in inspect.signature(forward).parameters.values()]
    return 1 if inspect.Parameter.VAR_POSITIONAL in kinds else sum(kind in _POSITIONAL for kind in kinds)


def _parameter_names(function: Callable[..., Any], inputs: Sequence[Any], skip: int = 0) -> list[str]:
    """Return the names that the function gives to its inputs, "input 0", "input 1", ... where it gives none."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some functions of C have no signature
        parameters = {}.values()
    names = [parameter.name for parameter in parameters if parameter.kind in _POSITIONAL][skip:]
    return [names[i] if i < len(names) else f"input {i}" for i in range(len(inputs))]


def _name_of(function: Any) -> str:
    return getattr(function, "__name__", None) or _name_of(getattr(function, "func", type(function)))


def _kinds(values: Sequence[Any]) -> str:
    """Describe values for an error message."""
    described = [
        f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
        if isinstance(value, Tensor)
        else type(value).__name__
        for value in values
    ]
    return ", ".join(described) or "none"
