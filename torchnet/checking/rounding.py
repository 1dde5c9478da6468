"""What rounding alone does to a computation: the same computation, rounded otherwise."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Result = TypeVar("Result")

# Operations that select and copy numbers and compute none. An autograd that looks for a maximum must find it unmoved.
# fmt: off
_EXACT = {
    "abs", "amax", "amin", "cat", "clamp", "clamp_max", "clamp_min", "clone", "constant_pad_nd", "embedding",
    "empty", "empty_like", "flip", "full", "full_like", "gather", "index", "index_select", "masked_fill", "max",
    "maximum", "median", "min", "minimum", "neg", "new_empty", "new_full", "new_ones", "new_zeros", "ones",
    "ones_like", "relu", "repeat", "roll", "scatter", "select_backward", "sign", "slice_backward", "sort",
    "stack", "take", "threshold_backward", "topk", "tril", "triu", "where", "zeros", "zeros_like", "_to_copy",
}
# fmt: on


def rounded_otherwise(
    compute: Callable[[], Result], dtype: torch.dtype, share: float, runs: int = 8
) -> Iterator[Result]:
    """Yield what a computation would give if its operations had rounded their results otherwise.

    Where a gradient is ill-conditioned, the runs lie as far apart as two correct computations may.

    Args:
        compute: the computation.
        dtype: of the last place; what is computed in a smaller one is not moved.
        share: the part of all computed numbers that is moved up or down, at random, by a unit of the last place. With
            1/8 the numbers move as much as by rounding to nearest; with 1 no number is spared by luck.
        runs: how often.

    Source: Parker 1997, "Monte Carlo Arithmetic".
    """
    for run in range(runs):
        with _RoundAtRandom(run, torch.finfo(dtype).eps, share):
            yield compute()


class _RoundAtRandom(TorchDispatchMode):
    def __init__(self, seed: int, eps: float, share: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch does not annotate it
        self.generator, self.eps, self.share = torch.Generator().manual_seed(seed), eps, share

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        returns_a_view = any(returned.alias_info is not None for returned in func._schema.returns)
        if returns_a_view or func.overloadpacket.__name__ in _EXACT:
            return result
        return tuple(map(self._moved, result)) if isinstance(result, tuple) else self._moved(result)

    def _moved(self, result: Any) -> Any:
        if not isinstance(result, Tensor) or not result.is_floating_point():
            return result
        die = torch.rand(result.shape, generator=self.generator).to(result.device)
        moves = (die < self.share / 2).to(result.dtype) - (die >= 1 - self.share / 2).to(result.dtype)
        return result * (1 + self.eps * moves)


def smallest_dtype_of(compute: Callable[[], Any]) -> torch.dtype | None:
    """Return the dtype with the fewest digits that a computation in torch passes through, None if there is none."""
    with _SeeDtypes() as seen:
        compute()
    return max(seen.dtypes, key=lambda dtype: torch.finfo(dtype).eps, default=None)


class _SeeDtypes(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch does not annotate it
        self.dtypes: set[torch.dtype] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for x in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(x, Tensor) and x.is_floating_point():
                self.dtypes.add(x.dtype)
        return result
