"""Copies of a module with other tensors. Every pass needs one, so they have to be fast."""

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from torchnet.checking.subjects.subject import SubjectError, Tensors, is_float

_IMMUTABLE = {bool, int, float, str, type(None), torch.dtype, torch.device}
_METHODS_OF_COPIES = ("__deepcopy__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__")


def copy_module(module: nn.Module, substitutes: Mapping[str, Tensor] = {}) -> nn.Module:
    """Return a deep copy of a module, with some parameters and buffers, given by name, replaced by other tensors."""
    return copier(module)(substitutes)


def copier(module: nn.Module) -> Callable[[Mapping[str, Tensor]], nn.Module]:
    """Return copy_module for many copies of one module, which must not change meanwhile."""
    parts = list(module.modules())
    ordinary = [part for part in parts if _is_ordinary(part)]
    tensors = [*module.named_parameters(), *module.named_buffers(), *plain_tensors(module)]
    # A module has a dozen dictionaries of hooks. Deep-copying an empty one takes longer than making a new one.
    empty = [id(x) for part in parts for x in vars(part).values() if type(x) is OrderedDict and not x]

    def copied(memo: dict[int, Any], substitutes: Mapping[str, Tensor]) -> nn.Module:
        memo |= {key: OrderedDict() for key in empty}
        memo |= {id(tensor): substitutes[name] for name, tensor in tensors if name in substitutes}
        _copy_parts(ordinary, memo)
        return copy.deepcopy(module, memo)

    def copy_with(substitutes: Mapping[str, Tensor]) -> nn.Module:
        try:
            try:
                return copied({}, substitutes)
            except RuntimeError:  # deepcopy refuses a tensor that a pass with autograd has left
                kept = [x for part in parts for x in tree_leaves(vars(part)) if isinstance(x, Tensor)]
                return copied({id(x): x.detach().clone() for x in kept if x.grad_fn is not None}, substitutes)
        except (TypeError, RuntimeError) as error:
            raise SubjectError(
                f"{type(module).__name__} cannot be copied, and every pass runs on a copy: {error}"
            ) from error

    return copy_with


def _copy_parts(parts: list[nn.Module], memo: dict[int, Any]) -> None:
    """Add copies of ordinary modules to the memo, without the call for each of their flags that deepcopy makes."""
    memo |= {id(part): object.__new__(type(part)) for part in parts}
    for part in parts:
        attributes = ((name, x if type(x) in _IMMUTABLE else copy.deepcopy(x, memo)) for name, x in vars(part).items())
        vars(memo[id(part)]).update(attributes)


def _is_ordinary(module: nn.Module) -> bool:
    """Whether a copy of the module has copies of its attributes and nothing else."""
    kind = type(module)
    own_methods = any(getattr(kind, name, None) is not getattr(nn.Module, name, None) for name in _METHODS_OF_COPIES)
    has_slots = any(vars(base).get("__slots__") for base in kind.__mro__)
    return not own_methods and not has_slots and "_compiled_call_impl" not in vars(module)


def copy_at_dtype(module: nn.Module, weights: Tensors, dtype: torch.dtype) -> nn.Module:
    """Return a copy of a module with other weights; buffers and plain tensors are converted to float64 with them."""
    floats = {n: x for n, x in (*module.named_buffers(), *plain_tensors(module)) if x.is_floating_point()}
    exact = dtype in (torch.float64, torch.complex128)
    return copy_module(module, weights | {n: x.to(torch.float64, copy=True) for n, x in floats.items() if exact})


def plain_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the floating-point tensors that are attributes of a module, neither parameters nor buffers, by path."""
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if is_float(value) and not name.startswith("_"):
                yield (f"{path}.{name}" if path else name), value
