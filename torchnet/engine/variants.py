"""Variants of operations that write their results into existing tensors.

Torch has such a variant of most operations, with an argument `out`. Not every one computes the same bits.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

_aten = torch.ops.aten
# Operations whose variant with `out` has another name.
_BY_ANOTHER_NAME: dict[OpOverload, Callable[..., Any]] = {
    _aten.__rshift__.Scalar: torch.bitwise_right_shift,
    _aten.rsub.Scalar: lambda x, other, alpha=1, *, out: torch.sub(other, x, alpha=alpha, out=out),
    _aten.sum.default: lambda x, dtype=None, *, out: torch.sum(x, dim=tuple(range(x.dim())), dtype=dtype, out=out),
    _aten.relu.default: lambda x, *, out: torch.clamp_min(x, 0, out=out),
    _aten.masked_fill.Scalar: lambda x, mask, value, *, out: out.copy_(x).masked_fill_(mask, value),
}


@cache
def out_variants(func: OpOverload) -> list[tuple[Callable[..., Any], list[str]]]:
    """Return the candidates for an operation, the fastest first, each with the names of its output arguments."""
    if func in _BY_ANOTHER_NAME:
        return [(_BY_ANOTHER_NAME[func], ["out"])]
    # native_batch_norm moves running statistics, which its schema does not say.
    if (
        func._schema.is_mutable or func is _aten.native_batch_norm.default
    ):  # `gives_same_results` would repeat its side effect
        return []
    inputs = [(argument.name, str(argument.type)) for argument in func._schema.arguments]
    for name in func.overloadpacket.overloads():
        other = getattr(func.overloadpacket, name)
        arguments = other._schema.arguments
        outputs = [argument.name for argument in arguments if argument.is_out]
        same = [(argument.name, str(argument.type)) for argument in arguments if not argument.is_out] == inputs
        if outputs and same and torch.Tag.generated not in other.tags:  # a generated one allocates and copies
            by_name = getattr(torch, func.overloadpacket.__name__, None)  # parses its arguments in half the time
            return [(by_name, outputs), (other._op, outputs)] if callable(by_name) else [(other._op, outputs)]
    return []


def gives_same_results(
    results: list[Tensor], write: Callable[..., Any], names: list[str], args: Any, kwargs: Any
) -> bool:
    """Return whether a variant computes these results to the bit; not all of torch's do (binary_cross_entropy)."""
    outputs = [torch.empty_like(result) for result in results]
    if len(names) != len(outputs):
        return False
    try:
        write(*args, **kwargs, **dict(zip(names, outputs, strict=True)))
    except TypeError:  # the same name with other arguments
        return False
    return all(map(same_bits, outputs, results))


def same_bits(a: Tensor, b: Tensor) -> bool:
    """Return whether two tensors are equal to the last bit; a NaN equals itself, 0 is not -0."""
    return torch.equal(a.reshape(-1).view(torch.uint8), b.reshape(-1).view(torch.uint8))
