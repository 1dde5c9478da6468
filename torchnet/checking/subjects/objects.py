"""Subjects made from an object with forward(*inputs) and backward(grad_output) that is no nn.Module."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from torchnet.checking.subjects.subject import (
    Gradients,
    Outputs,
    Subject,
    SubjectError,
    Tensors,
    argument_names,
    float_outputs,
    has_gradient,
    like_outputs,
)
from torchnet.checking.subjects.trees import Arguments, as_array, as_tensor

_NAMES = ("d{}", "d_{}", "grad_{}", "{}_grad", "g{}")  # of the gradient of an attribute
_CONTAINERS = {"params": "grads", "weights": "grads", "parameters": "gradients"}
_DEPTH = 3  # of objects in objects


def object_subject(
    thing: Any, inputs: Sequence[Any], kwargs: Mapping[str, Any], forward: str = "forward", backward: str = "backward"
) -> Subject:
    """An object, with its weights if it has gradients for them; every pass runs on a copy.

    The gradient of an attribute W is called dW, d_W, grad_W, W_grad or gW, or is in a dictionary or list `grads` at the
    place where the weight is in `params`.
    """
    name = type(thing).__name__
    args = Arguments(argument_names(getattr(thing, forward), len(inputs)), inputs, kwargs)
    complaints: list[str] = []
    weights: dict[str, _Weight] = {}

    convert = as_array if args.has_arrays else _unchanged

    def run(tensors: Tensors, grad_outputs: Outputs | None) -> tuple[Outputs, Gradients]:
        runner = _copied(thing)
        for key, weight in weights.items():
            weight.write(runner, tensors[key])
        result = _forward(runner, forward, tree_map(convert, args.substitute(tensors)))
        outputs = float_outputs(result, tensors)
        if grad_outputs is None:
            return outputs, {}
        grads = like_outputs(grad_outputs, [x for x in tree_leaves(result) if has_gradient(x)])
        found = _backward(runner, backward, tree_map(convert, grads))
        gradients = {key: weight.gradient(runner) for key, weight in weights.items()}
        return outputs, gradients | args.name_gradients(f"{name}.{backward}", found, complaints)

    def find_weights() -> list[str]:
        """Run the object once, and see which numbers have got a gradient; return the names of the others."""
        runner = _copied(thing)
        before = _numbers_of(runner)
        result = _forward(runner, forward, tree_map(convert, args.substitute(dict(args.tensors))))
        _backward(
            runner, backward, tree_map(convert, [torch.ones_like(x) for x in tree_leaves(result) if has_gradient(x)])
        )
        weights.update({key: weight for key, weight in _weights_of(runner).items() if key in before})
        return [key for key in before if key not in weights]

    try:
        unchecked = find_weights()
    except SubjectError:
        raise
    except Exception:  # reported by the first pass
        unchecked = []
    tensors = {key: weight.value(thing) for key, weight in weights.items()} | args.tensors
    return Subject(
        name,
        tensors,
        next(iter(args.tensors), next(iter(tensors), "")),
        lambda tensors: run(tensors, None)[0],
        lambda tensors, grad_outputs: run(tensors, grad_outputs)[1],
        constants=args.constants,
        arguments=frozenset(args.numbers),
        complex_names=frozenset(args.complex_names),
        numbers=args.numbers | {key: value for key, value in vars(thing).items() if isinstance(value, float)},
        inputs=args.inputs,
        notes=tuple(f"{key} has no gradient (d{key}, {key}.grad or in grads): it is not checked" for key in unchecked),
        complaints=complaints,
    )


def _copied(thing: Any) -> Any:
    try:
        return copy.deepcopy(thing)
    except (TypeError, RuntimeError) as error:
        raise SubjectError(
            f"{type(thing).__name__} cannot be copied, and every pass runs on a copy: {error}"
        ) from error


def _forward(runner: Any, name: str, arguments: tuple[list[Any], dict[str, Any]]) -> Any:
    """Run the forward; a layer may keep its result in `output` instead of returning it."""
    result = getattr(runner, name)(*arguments[0], **arguments[1])
    return tree_map(as_tensor, getattr(runner, "output", None) if result is None else result)


def _backward(runner: Any, name: str, grads: list[Any]) -> Any:
    """Run the backward; a layer may keep its result in `dinputs` instead of returning it."""
    found = getattr(runner, name)(*grads)
    return tree_map(as_tensor, getattr(runner, "dinputs", None) if found is None else found)


@dataclass(frozen=True)
class _Weight:
    """Where an object keeps a weight and its gradient, as paths of attributes, keys and indices."""

    path: tuple[Any, ...]
    gradient_path: tuple[Any, ...]

    def value(self, thing: Any) -> Tensor:
        x = _at(thing, self.path)
        return as_tensor(np.array(x) if isinstance(x, np.ndarray) else x).detach().clone()

    def write(self, thing: Any, tensor: Tensor) -> None:
        container, key = _at(thing, self.path[:-1]), self.path[-1]
        old = _at(thing, self.path)
        new = as_array(tensor) if isinstance(old, np.ndarray) else tensor
        if isinstance(container, (dict, list)):
            container[key] = new
        else:
            setattr(container, key, new)

    def gradient(self, thing: Any) -> Tensor | None:
        gradient = as_tensor(_at(thing, self.gradient_path))
        return gradient.detach() if isinstance(gradient, Tensor) else None


def _at(thing: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        thing = thing[key] if isinstance(thing, (dict, list)) else getattr(thing, key)
    return thing


def _numbers_of(thing: Any, path: tuple[Any, ...] = ()) -> dict[str, tuple[Any, ...]]:
    """Return the paths of the floating-point arrays and tensors of an object and of the objects in it, by name."""
    found: dict[str, tuple[Any, ...]] = {}
    for key, x in _entries(thing):
        here = (*path, key)
        if _is_weight(x):
            found[_name(here)] = here
        elif len(path) < _DEPTH and (isinstance(x, (dict, list)) or hasattr(x, "__dict__")) and not isinstance(x, type):
            found |= _numbers_of(x, here)
    return found


def _weights_of(thing: Any) -> dict[str, _Weight]:
    """Return the weights of an object that has run a backward, by name: the numbers that have got a gradient."""
    numbers = _numbers_of(thing)
    places = set(numbers.values())
    found: dict[str, _Weight] = {}
    for name, path in numbers.items():
        for other in _places_of_gradient(path):
            if other in places and _at(thing, other).shape == _at(thing, path).shape:
                found[name] = _Weight(path, other)
                break
        else:
            if isinstance(gradient := getattr(_at(thing, path), "grad", None), Tensor) and gradient is not None:
                found[name] = _Weight(path, (*path, "grad"))
    return found


def _places_of_gradient(path: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    *before, key = path
    places = [(*before, form.format(key)) for form in _NAMES if isinstance(key, str)]
    places += [(*before, f"d{key}es")] if isinstance(key, str) else []  # dbiases of bias
    if before and before[-1] in _CONTAINERS:
        container = (*before[:-1], _CONTAINERS[before[-1]])
        places += [(*container, key), (*container, f"d{key}")]
    return places


def _entries(thing: Any) -> list[tuple[Any, Any]]:
    if isinstance(thing, dict):
        return list(thing.items())
    return list(enumerate(thing)) if isinstance(thing, list) else list(getattr(thing, "__dict__", {}).items())


def _name(path: tuple[Any, ...]) -> str:
    first, *rest = path
    return str(first) + "".join(
        f"[{key!r}]" if isinstance(key, int) or first in _CONTAINERS else f".{key}" for key in rest
    )


def _is_weight(x: Any) -> bool:
    return has_gradient(x) or (isinstance(x, np.ndarray) and x.dtype.kind == "f")


def _unchanged(x: Any) -> Any:
    return x
