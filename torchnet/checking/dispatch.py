"""Run a computation with its operations watched or changed: random rounding, or float64 throughout."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from torchnet.checking.subjects.subject import is_float

_SMALL = (torch.float32, torch.bfloat16, torch.float16)


class Mode(TorchDispatchMode):
    """A dispatch mode that does not import torch._dynamo, which takes seconds: nothing here is ever compiled."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch does not annotate it

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False


class OnResults(Mode):
    """Replace every floating-point result x of an operation by visit(operation, x)."""

    def __init__(self, visit: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.visit = visit

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        return tree_map(lambda x: self.visit(func, x) if is_float(x) else x, result)


class InFloat64(Mode):
    """Compute in float64 what the code converts to a smaller dtype or creates in one.

    So the formulas of a function that computes in float32 inside, whatever it is given, can be checked in float64.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = tree_map(_larger_dtype, (args, kwargs or {}))
        if not func._schema.is_mutable:
            args, kwargs = tree_map(_larger, (args, kwargs))
        if func.overloadpacket is torch.ops.aten._to_copy and args[0].is_complex():
            kwargs.pop("dtype", None)
        result = func(*args, **kwargs)
        return result if func._schema.is_mutable else tree_map(_larger, result)


def _larger_dtype(x: Any) -> Any:
    return torch.float64 if isinstance(x, torch.dtype) and x in _SMALL else x


def _larger(x: Any) -> Any:
    return x.to(torch.float64) if isinstance(x, Tensor) and x.dtype in _SMALL else x


def converts_to_smaller_dtype(compute: Callable[[], Any]) -> bool:
    """Whether an operation of a computation turns float64 into a smaller floating-point dtype."""
    mode = _Conversions()
    with mode:
        compute()
    return mode.found


class _Conversions(Mode):
    found = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given = {x.dtype for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)}
        returned = {x.dtype for x in tree_leaves(result) if isinstance(x, Tensor)}
        self.found |= torch.float64 in given and not returned.isdisjoint(_SMALL)
        return result


def smallest_dtype_of(compute: Callable[[], Any]) -> torch.dtype | None:
    """Return the dtype with the fewest digits among all results of a computation, None if it has no such result."""
    dtypes: set[torch.dtype] = set()

    def record(func: Any, x: Tensor) -> Tensor:
        dtypes.add(x.dtype)
        return x

    with OnResults(record):
        compute()
    return max(dtypes, key=lambda dtype: torch.finfo(dtype).eps, default=None)
