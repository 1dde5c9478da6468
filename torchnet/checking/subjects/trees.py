"""The arguments of a forward, which may be lists, tuples and dictionaries of tensors, as tensors by name."""

import copy
import functools
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import keystr, tree_flatten_with_path, tree_map, tree_unflatten

from torchnet.checking.subjects.subject import (
    Gradients,
    SubjectError,
    Tensors,
    as_real,
    as_tuple,
    describe,
    has_gradient,
    is_float,
)

_DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.complex64, torch.complex128)


class Arguments:
    """The arguments of a forward: their leaves have names, and the tensors among them can be replaced by name.

    Gradients are taken of all floating-point and complex tensors, or, if some of them have requires_grad=True, of
    these. A leaf of an argument `params` is called "params['W']", or "params[0]".

    Attributes:
        tensors: the tensors with a gradient, as real tensors.
        constants: the other tensors.
        complex_names: the names of the tensors with a gradient that were complex.
        numbers: the floating-point and integer numbers.
        inputs: the names of all tensors.
    """

    def __init__(self, names: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> None:
        self.roots = [*names, *(kwargs or {})]
        self._num_args = len(args)
        self._specs: list[tuple[list[str], Any]] = []
        self._leaves: dict[str, Any] = {}
        for root, value in zip(self.roots, [*args, *(kwargs or {}).values()], strict=True):
            pairs, spec = tree_flatten_with_path(value)
            leaves = {root + keystr(path): leaf for path, leaf in pairs}
            self._specs.append((list(leaves), spec))
            self._leaves |= leaves
        self.has_arrays = any(isinstance(leaf, (np.ndarray, np.floating)) for leaf in self._leaves.values())
        flagged = [name for name, x in self._leaves.items() if isinstance(x, Tensor) and x.requires_grad]
        self._leaves = {name: _owned(leaf) for name, leaf in self._leaves.items()}
        self.flagged = bool(flagged)
        chosen = flagged or [name for name, x in self._leaves.items() if has_gradient(x)]
        self.tensors: Tensors = {name: as_real(self._leaves[name]) for name in chosen}
        self.complex_names = {name for name in chosen if self._leaves[name].is_complex()}
        others = {name: x for name, x in self._leaves.items() if isinstance(x, Tensor) and name not in chosen}
        self.constants: Tensors = {name: as_real(x) for name, x in others.items()}
        self.numbers = {
            name: float(x) for name, x in self._leaves.items() if isinstance(x, (int, float)) and x is not True
        }
        self.inputs = (*self.tensors, *self.constants)
        self.alone: str | None = None  # the argument whose gradient is all that a derivative returns

    def select(self, root: str) -> None:
        """Take gradients of one argument only."""
        chosen = {name for name in self.tensors if name == root or name.startswith((f"{root}[", f"{root}."))}
        others = {name: x for name, x in self.tensors.items() if name not in chosen}
        self.tensors = {name: x for name, x in self.tensors.items() if name in chosen}
        self.constants = others | self.constants

    def substitute(self, tensors: Tensors, names: Mapping[str, str] = {}) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional and keyword arguments with the tensors replaced.

        Other floating-point tensors are converted to float64 if the tensors are. Random generators are set back to
        their first state. `names` are the names of `tensors` where they differ from those of the leaves.
        """
        dtypes = {tensor.dtype for tensor in tensors.values() if has_gradient(tensor)}
        exact = dtypes <= {torch.float64, torch.complex128}
        values = []
        for leaves, spec in self._specs:
            values.append(tree_unflatten([self._value(name, names, tensors, exact) for name in leaves], spec))
        count = self._num_args
        return values[:count], dict(zip(self.roots[count:], values[count:], strict=True))

    def _value(self, name: str, names: Mapping[str, str], tensors: Tensors, exact: bool) -> Any:
        leaf, x = self._leaves[name], tensors.get(names.get(name, name))
        if x is None or not isinstance(leaf, Tensor):
            return _fresh(leaf, exact) if x is None else float(x)
        if name in self.tensors:
            return torch.view_as_complex(x) if name in self.complex_names else x
        return torch.view_as_complex(x).to(leaf.dtype) if leaf.is_complex() else _fresh(x, exact)

    def name_gradients(self, what: str, returned: Any, complaints: list[str]) -> Gradients:
        """Return by name the gradients that a backward returned.

        It may return one for each argument, one for each tensor with a gradient, or, for a dictionary of parameters, a
        dictionary. A gradient that is missing is None. What is wrong with the form is added to `complaints`.
        """
        count = self._num_args
        is_tree = count == 1 and self.roots[0] not in self._leaves
        already = isinstance(returned, (tuple, list)) and len(returned) == 1 and not isinstance(returned[0], Tensor)
        returned = (returned,) if is_tree and not already else as_tuple(returned)
        floats = list(self.tensors)
        if len(returned) == 1 and isinstance(returned[0], Mapping) and count > 1:
            by_root = returned[0].keys() <= set(self.roots)
            named = self._leaves_of(returned[0] if by_root else {self.roots[0]: returned[0]})
            self.alone = self.alone if by_root or self.flagged else self.roots[0]
        elif len(returned) in (count, len(self.roots)):
            named = self._leaves_of(dict(zip(self.roots, returned, strict=False)))
        else:
            named = dict(zip(floats, returned, strict=False))
            if len(returned) != len(floats):
                complaints.append(
                    f"{what} returns {len(returned)} gradient{'s' * (len(returned) != 1)}, expected one for each input "
                    f"({', '.join(self.roots[:count])}): return None for an input without a gradient"
                )
        unknown = [name for name, x in named.items() if x is not None and name not in self._leaves]
        if unknown:
            complaints.append(
                f"{what} returns gradients of {', '.join(unknown)}, expected those of {', '.join(floats)}"
            )
        gradients: Gradients = {}
        for name in floats:
            gradient = named.get(name)
            if isinstance(gradient, (float, int, np.ndarray, np.generic)):
                gradient = torch.as_tensor(gradient, dtype=self.tensors[name].dtype)
            if not isinstance(gradient, Tensor | None):
                complaints.append(f"{what} returns {describe([gradient])} as the gradient of {name}, expected a tensor")
                gradient = None
            if gradient is not None and name in self.complex_names:
                gradient = as_real(gradient.to(torch.promote_types(gradient.dtype, torch.complex32)))
            elif gradient is not None and gradient.is_complex():
                complaints.append(f"{what} returns a complex gradient of {name}, which is real")
                gradient = gradient.real
            gradients[name] = gradient
        return gradients

    def _leaves_of(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the leaves of gradients, by the names of the arguments that they belong to."""
        named: dict[str, Any] = {}
        for root, value in values.items():
            if root in self._leaves:
                named[root] = value
            else:
                named |= {root + keystr(path): leaf for path, leaf in tree_flatten_with_path(value)[0]}
        return named


def _owned(leaf: Any) -> Any:
    """Return a copy of a tensor, detached, and of an array as a tensor; refuse what has no values to check."""
    x = leaf
    if isinstance(leaf, (np.ndarray, np.floating)):
        try:
            x = torch.from_numpy(np.array(leaf))
        except TypeError as error:
            raise SubjectError(f"expected arrays of numbers, got an array of {np.asarray(leaf).dtype}") from error
    if not isinstance(x, Tensor):
        return copy.deepcopy(leaf) if isinstance(leaf, _GENERATORS) else leaf
    if x.layout != torch.strided or x.device.type == "meta":
        raise SubjectError(f"expected dense tensors with values, got {describe([x])} ({x.layout}, on {x.device})")
    if has_gradient(x) and x.dtype not in _DTYPES:
        raise SubjectError(f"expected float64, float32, bfloat16, float16 or complex numbers, got {describe([x])}")
    return x.detach().clone()


_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)


def _fresh(leaf: Any, exact: bool) -> Any:
    """Return a copy that a pass may change."""
    if isinstance(leaf, Tensor):
        if exact and has_gradient(leaf):
            return leaf.to(torch.float64 if is_float(leaf) else torch.complex128, copy=True)
        return leaf.clone()
    if isinstance(leaf, torch.Generator):
        return leaf.clone_state()
    return copy.deepcopy(leaf) if isinstance(leaf, _GENERATORS) else leaf


def on_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function of NumPy arrays as a function of tensors."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = tree_map(as_array, (args, kwargs))
        return tree_map(as_tensor, function(*args, **kwargs))

    return call


def as_array(x: Any) -> Any:
    """Return a tensor as an array, and anything else as it is."""
    return x.detach().numpy() if isinstance(x, Tensor) else x


def as_tensor(x: Any) -> Any:
    """Return an array or a NumPy number as a tensor, and anything else as it is."""
    try:
        if isinstance(x, np.ndarray) and x.dtype != object:
            return torch.as_tensor(np.ascontiguousarray(x) if any(stride < 0 for stride in x.strides) else x)
        return torch.as_tensor(x) if isinstance(x, (np.floating, np.complexfloating)) else x
    except TypeError:  # of a dtype that torch has not, such as longdouble: refused as an input
        return x
