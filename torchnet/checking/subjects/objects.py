"""Subjects made from an object with forward(*inputs) and backward(grad_output) that is no nn.Module."""

import copy
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from torchnet.checking.subjects.subject import (
    Gradients,
    Outputs,
    Subject,
    Tensors,
    argument_names,
    as_tuple,
    float_outputs,
    has_gradient,
    like_outputs,
)
from torchnet.checking.subjects.trees import Arguments, as_array, as_tensor

_NAMES = ("d{}", "d_{}", "grad_{}", "{}_grad", "g{}")  # of the gradient of an attribute
_CONTAINERS = (("params", "grads"), ("weights", "grads"), ("parameters", "gradients"))


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

    def run(tensors: Tensors, grad_outputs: Outputs | None) -> tuple[Outputs, Gradients]:
        runner = copy.deepcopy(thing)
        for key, weight in weights.items():
            weight.write(runner, tensors[key])
        convert = as_array if args.has_arrays else _unchanged
        values, options = tree_map(convert, args.substitute(tensors))
        result = tree_map(as_tensor, getattr(runner, forward)(*values, **options))
        outputs = float_outputs(result, tensors)
        if grad_outputs is None:
            return outputs, {}
        grads = like_outputs(grad_outputs, [x for x in as_tuple(result) if has_gradient(x)])
        found = tree_map(as_tensor, getattr(runner, backward)(*tree_map(convert, grads)))
        gradients = {key: weight.gradient(runner) for key, weight in weights.items()}
        return outputs, gradients | args.name_gradients(f"{name}.{backward}", found, complaints)

    def find_weights() -> None:
        """Run the object once, and see which attributes have got a gradient."""
        runner = copy.deepcopy(thing)
        convert = as_array if args.has_arrays else _unchanged
        values, options = tree_map(convert, args.substitute(dict(args.tensors)))
        result = tree_map(as_tensor, getattr(runner, forward)(*values, **options))
        ones = [torch.ones_like(x) for x in as_tuple(result) if has_gradient(x)]
        getattr(runner, backward)(*tree_map(convert, ones))
        weights.update(_weights_of(runner))

    find_weights()
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
        complaints=complaints,
    )


@dataclass(frozen=True)
class _Weight:
    """Where an object keeps a weight and its gradient: functions from the object to a container and a key."""

    place: Callable[[Any], tuple[Any, Any]]
    gradient_place: Callable[[Any], tuple[Any, Any]]

    def value(self, thing: Any) -> Tensor:
        container, key = self.place(thing)
        return as_tensor(np.array(x) if isinstance(x := container[key], np.ndarray) else x).detach().clone()

    def write(self, thing: Any, tensor: Tensor) -> None:
        container, key = self.place(thing)
        container[key] = as_array(tensor) if isinstance(container[key], np.ndarray) else tensor

    def gradient(self, thing: Any) -> Tensor | None:
        container, key = self.gradient_place(thing)
        gradient = as_tensor(container[key])
        return gradient if isinstance(gradient, Tensor) else None


def _weights_of(thing: Any) -> dict[str, _Weight]:
    """Return the weights of an object that has run a backward, by name."""
    found: dict[str, _Weight] = {}
    attributes = vars(thing)
    for name in attributes:
        gradients = [g for form in _NAMES if (g := form.format(name)) in attributes and g != name]
        if gradients and _is_weight(attributes[name]):
            found[name] = _Weight(
                lambda thing, name=name: (vars(thing), name), lambda thing, name=gradients[0]: (vars(thing), name)
            )
    for params, grads in _CONTAINERS:
        weights, gradients = attributes.get(params), attributes.get(grads)
        for key in _keys(weights):
            other = next((k for k in (key, f"d{key}") if k in _keys(gradients)), None)
            if other is not None and _is_weight(weights[key]):  # type: ignore[index]
                found[f"{params}[{key!r}]"] = _Weight(
                    lambda thing, name=params, key=key: (vars(thing)[name], key),
                    lambda thing, name=grads, key=other: (vars(thing)[name], key),
                )
    return found


def _keys(container: Any) -> list[Any]:
    if isinstance(container, MutableMapping):
        return list(container)
    return list(range(len(container))) if isinstance(container, list) else []


def _is_weight(x: Any) -> bool:
    return has_gradient(x) or (isinstance(x, np.ndarray) and x.dtype.kind == "f")


def _unchanged(x: Any) -> Any:
    return x
