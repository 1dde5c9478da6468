"""What goes into a forward and comes out of it, and the names of both."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from torchnet.checking.subject import Gradients, Loss, Outputs, SubjectError, Tensors

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def is_real(x: Any) -> bool:
    """Whether it is a tensor that has a gradient."""
    return isinstance(x, Tensor) and x.is_floating_point()


def real_tensors(names: Sequence[str], inputs: Sequence[Any]) -> Tensors:
    """Return the inputs that have a gradient, by name."""
    return {name: x.detach() for name, x in zip(names, inputs, strict=True) if is_real(x)}


def filled(names: Sequence[str], inputs: Sequence[Any], tensors: Tensors) -> list[Any]:
    """Return the inputs with the current value of each tensor among them."""
    return [tensors[name] if is_real(x) else x for name, x in zip(names, inputs, strict=True)]


def by_name(what: str, returned: Any, names: Sequence[str], inputs: Sequence[Any]) -> Gradients:
    """Give the gradients that a backward returned, one for each input or for each real one, their names."""
    returned = tuple(returned) if isinstance(returned, (tuple, list)) else (returned,)
    real = [name for name, x in zip(names, inputs, strict=True) if is_real(x)]
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
            raise SubjectError(f"{what}: expected a tensor as the gradient of {name}, got {kinds([by_name[name]])}")
    return {name: by_name[name] for name in real}


def as_outputs(output: Any) -> Outputs:
    """Return the outputs that have a gradient: indices and flags have none."""
    returned = tuple(output) if isinstance(output, (tuple, list)) else (output,)
    outputs = tuple(x for x in returned if isinstance(x, Tensor) and (x.is_floating_point() or x.is_complex()))
    if not outputs:
        raise SubjectError(f"expected a forward that returns a floating-point tensor, got {kinds(returned)}")
    return outputs


def number_of_inputs(forward: Callable[..., Any]) -> int:
    """Return how many positional arguments it takes; 1, as of a network, if it takes any number."""
    kinds = [parameter.kind for parameter in inspect.signature(forward).parameters.values()]
    return 1 if inspect.Parameter.VAR_POSITIONAL in kinds else sum(kind in _POSITIONAL for kind in kinds)


def parameter_names(function: Callable[..., Any], inputs: Sequence[Any], skip: int = 0) -> list[str]:
    """Return the names that the function gives to its inputs, "input 0", "input 1", ... where it gives none."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some functions of C have no signature
        parameters = {}.values()
    names = [parameter.name for parameter in parameters if parameter.kind in _POSITIONAL][skip:]
    return [names[i] if i < len(names) else f"input {i}" for i in range(len(inputs))]


def name_of(function: Any) -> str:
    """Return the name of a function, through functools.partial."""
    return getattr(function, "__name__", None) or name_of(getattr(function, "func", type(function)))


def kinds(values: Sequence[Any]) -> str:
    """Describe values for an error message."""
    described = [
        f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
        if isinstance(value, Tensor)
        else type(value).__name__
        for value in values
    ]
    return ", ".join(described) or "none"


def loss_and_grad(loss: Loss, logits: Tensor, targets: Sequence[Any]) -> tuple[Tensor, Tensor]:
    """Call a loss and see that it returns what a loss returns."""
    result: Any = loss(logits, *targets)
    if isinstance(result, tuple) and len(result) == 2 and all(isinstance(part, Tensor) for part in result):
        value, grad = result
        if value.dim() == 0:
            return value, grad
    raise SubjectError(
        f"{name_of(loss)}: expected a loss that returns (loss, grad_logits), the loss a single number, "
        f"got {kinds(result if isinstance(result, tuple) else [result])}"
    )
