"""A subject of the check that is given by name on the command line, and random inputs for it."""

import ast
import importlib
import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from torchnet.checking.subjects.subject import SubjectError, function_name, is_float


def named_subject(spec: str, dtype: str | None = None) -> Any:
    """Return the object `package.module:Name` or `package.module:Name(arguments)`; a layer class is instantiated.

    Raises:
        SubjectError: if it cannot be imported or instantiated.
    """
    module_name, colon, expression = spec.partition(":")
    if not colon or not expression or not all(part.isidentifier() for part in module_name.split(".")):
        raise SubjectError(f"expected MODULE:NAME, as in mypackage.mymodule:MyLayer, got {spec!r}")
    if module_name.endswith(".py"):
        raise SubjectError(f"expected a module, not a file name: write {module_name.removesuffix('.py')}:{expression}")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    name, args, kwargs = parsed_call(expression)
    try:
        thing = getattr(importlib.import_module(module_name), name)
    except ImportError as error:
        raise SubjectError(f"{module_name} cannot be imported: {error}") from error
    except AttributeError as error:
        raise SubjectError(f"{module_name} has no {name}") from error
    is_function = isinstance(thing, type) and issubclass(thing, torch.autograd.Function)
    if args is not None or (isinstance(thing, type) and not is_function):
        try:
            thing = thing(*(args or []), **kwargs)
        except TypeError as error:
            needs_arguments = args is None and "argument" in str(error)
            hint = f": give its arguments, '{module_name}:{name}(...)'" if needs_arguments else ""
            raise SubjectError(f"{error}{hint}") from error
    if isinstance(thing, nn.Module) and dtype is not None:
        thing = thing.to(getattr(torch, dtype))
    return thing


def parsed_call(expression: str) -> tuple[str, list[Any] | None, dict[str, Any]]:
    """Return the name, the positional arguments (None without parentheses), and the keyword arguments."""
    try:
        tree = ast.parse(expression, mode="eval").body
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
            kwargs = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in tree.keywords}
            return tree.func.id, [ast.literal_eval(arg) for arg in tree.args], kwargs
        if isinstance(tree, ast.Name):
            return tree.id, None, {}
    except (SyntaxError, ValueError):
        pass
    raise SubjectError(f"expected NAME or NAME(ARGUMENTS) with literal arguments, got {expression!r}")


def random_inputs(
    subject: Any, shapes: Sequence[str], num_classes: int | None, dtype: str | None, seed: int
) -> list[Tensor]:
    """Return a random input for each shape, written as "4,7", followed by random targets if num_classes is given.

    Raises:
        SubjectError: if a shape or num_classes is invalid.
    """
    generator = torch.Generator().manual_seed(seed)
    weights = subject.parameters() if isinstance(subject, nn.Module) else ()
    own = next((weight.dtype for weight in weights if is_float(weight)), torch.float64)
    chosen = own if dtype is None else getattr(torch, dtype)
    inputs = [torch.randn(_shape(shape), generator=generator, dtype=chosen) for shape in shapes]
    if not inputs:
        raise SubjectError(f"expected the shapes of the inputs of {_signature(subject)}: --input 4,7")
    if num_classes is not None:
        if num_classes < 1 or inputs[0].dim() == 0:
            raise SubjectError(f"--targets: expected at least 1 class, and a batch as input, got {num_classes}")
        inputs.append(torch.randint(num_classes, inputs[0].shape[:1], generator=generator))
    return inputs


def _shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(size) for size in text.split(",") if size.strip())
    except ValueError:
        shape = (0,)
    if any(size < 1 for size in shape):
        raise SubjectError(f"--input: expected a shape such as 4,7, got {text!r}")
    return shape


def _signature(subject: Any) -> str:
    """Return the subject's name with the arguments of its forward."""
    function = getattr(subject, "forward", subject)
    function = function[0] if isinstance(function, tuple) else function
    try:
        return f"{function_name(subject)}{inspect.signature(function)}"
    except (TypeError, ValueError):
        return function_name(subject)
