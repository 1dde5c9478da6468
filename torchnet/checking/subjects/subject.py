"""Subject: the common form of everything that is checked, a forward over named tensors and its hand-written backward.

The functions below Subject describe the arguments and results of user functions for names and messages.
"""

import inspect
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

Tensors = dict[str, Tensor]
Outputs = tuple[Tensor, ...]
Gradients = dict[str, Tensor | None]
Loss = Callable[..., tuple[Tensor, Tensor]]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class SubjectError(ValueError):
    """The object or its inputs cannot be checked."""


class Graph(NamedTuple):
    """A forward pass that autograd recorded: the leaves that are differentiated, what went in, and what came out."""

    leaves: Tensors
    given: Tensors
    outputs: Outputs


@dataclass(frozen=True)
class Subject:
    """A function of named tensors and its hand-written backward.

    All tensors, outputs and gradients are real: a complex one is a real one with a last dimension of size 2.

    Attributes:
        name: the title of the report.
        tensors: the weights and inputs whose gradients are checked, at the caller's values.
        first_input: the name of the first input; its first dimension is the batch size.
        forward: maps tensors to outputs; a pure function that works in the dtype of the tensors. Given other tensors
            under the names of constants, it uses them instead.
        backward: maps (tensors, grad_outputs) to gradients by name, None for a gradient that was not written. It may
            modify its arguments. The backward of a module takes two more arguments: `instance`, the module that runs
            the passes (a fresh copy if None), and `input_grad`.
        graph: for a backward that autograd runs, such as that of an autograd Function: runs the forward with autograd,
            for gradients of the named tensors.
        function: the autograd Function, if the subject is one.
        traceable: whether autograd can differentiate `forward` independently of the backward that is checked.
        constants: the other tensors among the inputs: indices, masks, inputs without a gradient.
        numbers: numbers among the arguments and attributes, from which a constant factor may come.
        arguments: the names of the numbers that are arguments; forward uses a tensor of such a name instead.
        inputs: the names of all tensors that are inputs, not weights.
        complex_names: the names of the tensors that were complex.
        module: the module, if the subject is one; its layers can be checked one by one.
        args: the arguments of the module's forward.
        loss: the loss that follows the module, if any.
        targets: the arguments of the loss after the logits.
        is_loss: whether the only output is a loss; its upstream gradient is 1 by definition.
        notes: remarks for the reader of the report.
        complaints: what is wrong with the form of the returned gradients; `backward` adds to it.
    """

    name: str
    tensors: Tensors
    first_input: str
    forward: Callable[[Tensors], Outputs]
    backward: Callable[..., Gradients]
    graph: Callable[[Tensors, Iterable[str]], Graph] | None = None
    function: type[torch.autograd.Function] | None = None
    traceable: bool = True
    constants: Tensors = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    arguments: frozenset[str] = frozenset()
    inputs: tuple[str, ...] = ()
    complex_names: frozenset[str] = frozenset()
    module: nn.Module | None = None
    args: tuple[Any, ...] = ()
    loss: Loss | None = None
    targets: tuple[Any, ...] = ()
    is_loss: bool = False
    notes: tuple[str, ...] = ()
    complaints: list[str] = field(default_factory=list)

    def outputs(self) -> Outputs:
        """Run the forward on copies of the tensors."""
        return self.forward(copies(self.tensors))

    def gradients(self, grad_outputs: Outputs, **options: Any) -> Gradients:
        """Run the backward on copies of the tensors and of the upstream gradients, which it may modify."""
        return self.backward(copies(self.tensors), clones(grad_outputs), **options)

    @property
    def numel(self) -> int:
        """The number of elements of all tensors."""
        return sum(tensor.numel() for tensor in self.tensors.values())


def at_dtype(subject: Subject, dtype: torch.dtype) -> Subject:
    """Return the subject with its tensors converted to another dtype."""
    return replace(subject, tensors={name: tensor.to(dtype) for name, tensor in subject.tensors.items()})


def copies(tensors: Tensors) -> Tensors:
    """Return a copy of each tensor, for a pass that may modify its arguments; an expanded one cannot be modified."""
    return {name: x.view_as(x) if _is_expanded(x) else x.clone() for name, x in tensors.items()}


def clones(outputs: Outputs) -> Outputs:
    """Return a copy of each upstream gradient, for a backward that may modify it; the strides stay."""
    return tuple(x if _is_expanded(x) else x.clone() for x in outputs)


def _is_expanded(x: Tensor) -> bool:
    return x.numel() > 1 and 0 in x.stride()


def is_float(x: Any) -> bool:
    """Whether x is a floating-point tensor."""
    return isinstance(x, Tensor) and x.is_floating_point()


def has_gradient(x: Any) -> bool:
    """Whether x is a floating-point or complex tensor: only these have gradients."""
    return isinstance(x, Tensor) and (x.is_floating_point() or x.is_complex())


def as_tuple(result: Any) -> tuple[Any, ...]:
    """Return the results of a function, which may return one or several."""
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def as_real(x: Tensor) -> Tensor:
    """Return a complex tensor as a real one with a last dimension of size 2, and a real one as it is."""
    return torch.view_as_real(x.resolve_conj()) if x.is_complex() else x


def float_outputs(output: Any, tensors: Tensors) -> Outputs:
    """Return the outputs that have a gradient, as real tensors.

    Complex `tensors` are those of the complex step, whose outputs stay complex.
    """
    outputs = tuple(x for x in tree_leaves(output) if has_gradient(x))
    if not outputs:
        got = describe(as_tuple(output))
        raise SubjectError(f"expected a forward that returns a floating-point tensor, got {got}")
    if any(tensor.is_complex() for tensor in tensors.values()):
        return outputs
    return tuple(as_real(x) for x in outputs)


def like_outputs(grad_outputs: Outputs, outputs: Sequence[Tensor]) -> list[Tensor]:
    """Return the upstream gradients of a user's outputs: complex where these are."""
    pairs = zip(grad_outputs, outputs, strict=True)
    return [torch.complex(*grad.unbind(-1)) if output.is_complex() else grad for grad, output in pairs]


def num_arguments(function: Callable[..., Any]) -> int:
    """Return the number of positional arguments that a function takes; 1 if it takes any number, as a network does."""
    try:
        kinds = [parameter.kind for parameter in inspect.signature(function).parameters.values()]
    except ValueError:  # some C functions have no signature
        return getattr(function, "nin", 1)
    return 1 if inspect.Parameter.VAR_POSITIONAL in kinds else sum(kind in _POSITIONAL for kind in kinds)


def accepts(function: Callable[..., Any], count: int, names: Iterable[str] = ()) -> bool:
    """Whether a function can be called with this number of positional arguments, and with keyword arguments."""
    try:
        inspect.signature(function).bind(*range(count), **dict.fromkeys(names))
    except TypeError:
        return False
    except ValueError:
        return count == num_arguments(function)
    return True


def argument_names(function: Callable[..., Any], count: int, skip: int = 0) -> list[str]:
    """Return the names of a function's arguments, after the first `skip`; "input 0", "input 1", ... if unnamed."""
    function = getattr(function, "_init_fn", function)  # of a torch.library.custom_op
    function = getattr(function, "default", function) if hasattr(function, "overloads") else function  # of torch.ops
    if (schema := getattr(function, "_schema", None)) is not None:
        names = [argument.name for argument in schema.arguments]
        return [names[i] if i < len(names) else f"input {i}" for i in range(count)]
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        parameters = {}.values()
    names = [parameter.name for parameter in parameters if parameter.kind in _POSITIONAL][skip:]
    return [names[i] if i < len(names) else f"input {i}" for i in range(count)]


def function_name(function: Any) -> str:
    """Return the name of a function; of a functools.partial, that of the wrapped function."""
    function = getattr(function, "_init_fn", function)
    return getattr(function, "__name__", None) or function_name(getattr(function, "func", type(function)))


def describe(values: Sequence[Any]) -> str:
    """Return the dtypes and shapes of tensors, and the types of other values, for an error message."""
    described = [
        f"{str(x.dtype).removeprefix('torch.')}{list(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        for x in values
    ]
    return ", ".join(described) or "none"


def sentence(error: BaseException) -> str:
    """Return the type and the first line of an error's message, and the line of the user's code that raised it."""
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_library(frame.filename)]
    return f"{text} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else text


def _is_library(filename: str) -> bool:
    return filename.startswith((str(Path(torch.__file__).parent), str(Path(__file__).parent.parent)))


def call_loss(loss: Loss, logits: Any, targets: Sequence[Any], **options: Any) -> tuple[Tensor, Any]:
    """Call a loss, and validate that it returns (loss, grad_logits)."""
    result: Any = loss(logits, *targets, **options)
    if is_loss_result(result):
        return torch.as_tensor(result[0]), result[1]
    raise SubjectError(
        f"{function_name(loss)}: expected a loss that returns (loss, grad_logits) with a scalar loss, "
        f"got {describe(result if isinstance(result, tuple) else [result])}"
    )


def is_loss_result(result: Any) -> bool:
    """Whether a function returned (loss, grad_logits): a scalar, and a tensor or a tree of tensors."""
    if not (isinstance(result, tuple) and len(result) == 2):
        return False
    loss, grad = result
    return (isinstance(loss, float) or (isinstance(loss, Tensor) and loss.dim() == 0)) and any(
        isinstance(x, Tensor) for x in tree_leaves(grad)
    )
