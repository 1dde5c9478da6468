"""The values that a checkpoint may hold: a tree of plain values and plain tensors."""

from collections import Counter, OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

DTYPES = {  # and the storage class of each, as torch.save names it
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
MAX_DEPTH = 32  # nested containers
MAX_KEY = 2**31  # of integer keys: larger ones can be chosen so that their hashes collide


def plain(contents: Any, place: str = "contents", depth: int = 0) -> Any:
    """Return a copy that shares nothing: contiguous CPU tensors without gradients, in dicts, lists and tuples.

    An OrderedDict (from `state_dict`) and a Counter (from some schedulers) become dicts.

    Raises:
        TypeError: if a checkpoint cannot hold a value; ValueError: if containers are nested too deeply or in a cycle.
    """
    kind = type(contents)
    if kind in ATOMS:
        return contents
    if kind in (Tensor, nn.Parameter):
        if contents.layout != torch.strided or contents.dtype not in DTYPES:
            found = f"{contents.dtype}, {contents.layout}"
            raise TypeError(f"{place}: expected a dense tensor of real numbers, got {found}")
        return torch.empty(contents.shape, dtype=contents.dtype, device="cpu").copy_(contents.detach())
    if depth == MAX_DEPTH:
        raise ValueError(f"{place}: expected at most {MAX_DEPTH} nested containers, got more")
    if kind in (list, tuple):
        return kind(plain(value, f"{place}[{i}]", depth + 1) for i, value in enumerate(contents))
    if kind in (dict, OrderedDict, Counter):
        for key in contents:
            if not is_key(key):
                raise TypeError(f"{place}: expected keys that are strings or small integers, got {key!r}")
        return {key: plain(value, f"{place}[{key!r}]", depth + 1) for key, value in contents.items()}
    raise TypeError(
        f"{place}: expected a dict, list, tuple, str, int, float, bool, None or tensor, got {kind.__qualname__}"
    )


def is_key(key: Any) -> bool:
    """Return whether a dict in a checkpoint may have this key."""
    return type(key) is str or (type(key) is int and abs(key) < MAX_KEY)
