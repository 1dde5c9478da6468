"""Subject: the common form of everything that is checked, a forward over named tensors and its hand-written backward.

The functions below Subject name the arguments and results of user functions, and validate them.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

Tensors = dict[str, Tensor]
Outputs = tuple[Tensor, ...]
Gradients = dict[str, Tensor | None]
Loss = Callable[..., tuple[Tensor, Tensor]]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class SubjectError(ValueError):
    """The object or its inputs cannot be checked."""


@dataclass(frozen=True)
class Subject:
    """A function of named tensors and its hand-written backward.

    Attributes:
        name: the title of the report.
        tensors: the weights and inputs whose gradients are checked, at the caller's values.
        first_input: the name of the first input; its first dimension is the batch size.
        forward: maps tensors to outputs; a pure function that works in the dtype of the tensors.
        backward: maps (tensors, grad_outputs) to gradients by name, None for a gradient that was not written. The
            backward of a module takes two more arguments: `instance`, the module that runs the passes (a fresh copy if
            None), and `input_grad`.
        module: the module, if the subject is one; its layers can be checked one by one.
        args: the arguments of the module's forward.
        loss: the loss that follows the module, if any.
        targets: the arguments of the loss after the logits.
        is_loss: whether the only output is a loss; its upstream gradient is 1 by definition.
        notes: remarks for the reader of the report.
    """

    name: str
    tensors: Tensors
    first_input: str
    forward: Callable[[Tensors], Outputs]
    backward: Callable[..., Gradients]
    module: nn.Module | None = None
    args: tuple[Any, ...] = ()
    loss: Loss | None = None
    targets: tuple[Any, ...] = ()
    is_loss: bool = False
    notes: tuple[str, ...] = ()


def at_dtype(subject: Subject, dtype: torch.dtype) -> Subject:
    """Return the subject with its tensors converted to another dtype."""
    return replace(subject, tensors={name: tensor.to(dtype) for name, tensor in subject.tensors.items()})


def copies(tensors: Tensors) -> Tensors:
    """Return a copy of each tensor, for a pass that may modify its arguments."""
    return {name: tensor.clone() for name, tensor in tensors.items()}


def is_float(x: Any) -> bool:
    """Whether x is a floating-point tensor: only these have gradients."""
    return isinstance(x, Tensor) and x.is_floating_point()


@dataclass(frozen=True)
class Arguments:
    """The arguments of a forward with their names; gradients are taken of the floating-point tensors among them."""

    names: Sequence[str]
    values: Sequence[Any]

    @property
    def tensors(self) -> Tensors:
        """The floating-point tensors by name."""
        return {name: x.detach() for name, x in zip(self.names, self.values, strict=True) if is_float(x)}

    def substitute(self, tensors: Tensors) -> list[Any]:
        """Return the values, with each floating-point tensor replaced by the tensor of the same name."""
        return [tensors[name] if is_float(x) else x for name, x in zip(self.names, self.values, strict=True)]

    def name_gradients(self, what: str, returned: Any) -> Gradients:
        """Return by name the gradients that a backward returned: one per argument, or per floating-point tensor."""
        returned = as_tuple(returned)
        floats = list(self.tensors)
        if len(returned) not in (len(self.names), len(floats)):
            raise SubjectError(
                f"{what}: expected one gradient for each input ({', '.join(self.names)}), got {len(returned)}: "
                "return None for an input without a gradient"
            )
        gradients = dict(zip(self.names if len(returned) == len(self.names) else floats, returned, strict=True))
        for name in floats:
            if not isinstance(gradients[name], Tensor | None):
                got = describe([gradients[name]])
                raise SubjectError(f"{what}: expected a tensor as the gradient of {name}, got {got}")
        return {name: gradients[name] for name in floats}


def as_tuple(result: Any) -> tuple[Any, ...]:
    """Return the results of a function, which may return one or several."""
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def float_outputs(output: Any) -> Outputs:
    """Return the floating-point and complex outputs; indices and flags have no gradient."""
    returned = as_tuple(output)
    outputs = tuple(x for x in returned if isinstance(x, Tensor) and (x.is_floating_point() or x.is_complex()))
    if not outputs:
        raise SubjectError(f"expected a forward that returns a floating-point tensor, got {describe(returned)}")
    return outputs


def num_arguments(function: Callable[..., Any]) -> int:
    """Return the number of positional arguments that a function takes; 1 if it takes any number, as a network does."""
    kinds = [parameter.kind for parameter in inspect.signature(function).parameters.values()]
    return 1 if inspect.Parameter.VAR_POSITIONAL in kinds else sum(kind in _POSITIONAL for kind in kinds)


def argument_names(function: Callable[..., Any], inputs: Sequence[Any], skip: int = 0) -> list[str]:
    """Return the names of a function's arguments, after the first `skip`; "input 0", "input 1", ... if unnamed."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some C functions have no signature
        parameters = {}.values()
    names = [parameter.name for parameter in parameters if parameter.kind in _POSITIONAL][skip:]
    return [names[i] if i < len(names) else f"input {i}" for i in range(len(inputs))]


def function_name(function: Any) -> str:
    """Return the name of a function; of a functools.partial, that of the wrapped function."""
    return getattr(function, "__name__", None) or function_name(getattr(function, "func", type(function)))


def describe(values: Sequence[Any]) -> str:
    """Return the dtypes and shapes of tensors, and the types of other values, for an error message."""
    described = [
        f"{str(x.dtype).removeprefix('torch.')}{list(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        for x in values
    ]
    return ", ".join(described) or "none"


def call_loss(loss: Loss, logits: Tensor, targets: Sequence[Any]) -> tuple[Tensor, Tensor]:
    """Call a loss, and validate that it returns (loss, grad_logits)."""
    result: Any = loss(logits, *targets)
    if isinstance(result, tuple) and len(result) == 2 and all(isinstance(part, Tensor) for part in result):
        value, grad = result
        if value.dim() == 0:
            return value, grad
    raise SubjectError(
        f"{function_name(loss)}: expected a loss that returns (loss, grad_logits) with a scalar loss, "
        f"got {describe(result if isinstance(result, tuple) else [result])}"
    )
