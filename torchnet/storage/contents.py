"""What may be in a checkpoint: a tree of plain values and plain tensors."""

from collections import Counter, OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

DTYPES = {  # each with the name of its class of storages
    torch.bool: "BoolStorage",
    torch.uint8: "ByteStorage",
    torch.int8: "CharStorage",
    torch.int16: "ShortStorage",
    torch.int32: "IntStorage",
    torch.int64: "LongStorage",
    torch.float16: "HalfStorage",
    torch.bfloat16: "BFloat16Storage",
    torch.float32: "FloatStorage",
    torch.float64: "DoubleStorage",
}
ATOMS = (str, int, float, bool, type(None))
MAX_DEPTH = 32  # of containers within containers
MAX_KEY = 2**31  # of whole numbers that are keys: larger ones can be made to collide in a dictionary


def plain(contents: Any, place: str = "contents", depth: int = 0) -> Any:
    """Return a copy as a tree in which nothing is shared.

    Tensors become contiguous ones of their own in the CPU's memory, that know no gradient; an OrderedDict, as
    `state_dict` returns it, and a Counter, as some schedulers have it, become dictionaries.

    Raises:
        TypeError: if something is of a type that a checkpoint cannot hold; ValueError: if it is nested too deep, or
            contains itself.
    """
    kind = type(contents)
    if kind in ATOMS:
        return contents
    if kind in (Tensor, nn.Parameter):
        return _plain_tensor(contents, place)
    if depth == MAX_DEPTH:
        raise ValueError(f"{place}: expected at most {MAX_DEPTH} containers within each other, got more")
    if kind in (list, tuple):
        return kind(plain(value, f"{place}[{i}]", depth + 1) for i, value in enumerate(contents))
    if kind in (dict, OrderedDict, Counter):
        for key in contents:
            if not is_key(key):
                raise TypeError(f"{place}: expected keys that are text or small whole numbers, got {key!r}")
        return {key: plain(value, f"{place}[{key!r}]", depth + 1) for key, value in contents.items()}
    raise TypeError(
        f"{place}: expected a dict, list, tuple, str, int, float, bool, None or tensor, got {kind.__qualname__}"
    )


def is_key(key: Any) -> bool:
    """Whether something may be a key of a dictionary in a checkpoint."""
    return type(key) is str or (type(key) is int and abs(key) < MAX_KEY)


def _plain_tensor(tensor: Tensor, place: str) -> Tensor:
    if tensor.layout != torch.strided or tensor.dtype not in DTYPES:
        raise TypeError(
            f"{place}: expected a dense tensor of real numbers, got {tensor.dtype} in the layout {tensor.layout}"
        )
    return torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu").copy_(tensor.detach())
