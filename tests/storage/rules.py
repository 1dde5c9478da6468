"""The rules for the contents of a checkpoint, written independently of the package and applied to loaded objects."""

from typing import Any

import torch

_REAL = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64"
_DTYPES = [dtype for dtype in vars(torch).values() if str(dtype).removeprefix("torch.") in _REAL.split()]


def violations(contents: Any) -> list[str]:
    """Return the rules that contents violate. Each object is visited once."""
    found = [] if type(contents) is dict else [f"not a dict but {type(contents)}"]
    left, seen, storages = [(contents, 1)], {id(contents)}, set()
    while left:
        value, depth = left.pop()
        kind = type(value)
        if kind in (str, int, float, bool, type(None)):
            continue
        if kind in (dict, list, tuple):
            found += [f"nested {depth} deep"] * (depth > 32)
            items = list(value.values()) if kind is dict else list(value)
            found += [f"the key {key!r}" for key in (value if kind is dict else ()) if type(key) not in (str, int)]
            mutable = [id(item) for item in items if type(item) in (dict, list, torch.Tensor)]
            found += ["something shared"] * (len({*mutable} - seen) != len(mutable))
            seen.update(mutable)
            left += [(item, depth + 1) for item in items]
        elif kind is torch.Tensor:
            found += _of_tensor(value)
            storage = value.untyped_storage()
            if storage.nbytes():
                found += ["a shared storage"] * (storage.data_ptr() in storages)
                storages.add(storage.data_ptr())
        else:
            found.append(f"of type {kind}")
    return found


def _of_tensor(tensor: torch.Tensor) -> list[str]:
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.dtype not in _DTYPES:
        return [f"a tensor of {tensor.layout}, {tensor.dtype}"]
    checks = {
        "strides": tensor.stride() == torch.empty(tensor.shape, device="meta").stride(),
        "offset": tensor.storage_offset() == 0,
        "storage": tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size(),
        "gradient": not tensor.requires_grad and tensor.grad is None and not tensor._backward_hooks,
        "device": tensor.device.type == "cpu",
        "attributes": not tensor.__dict__,
        "conjugate or negative": not tensor.is_conj() and not tensor.is_neg(),
    }
    return [f"a tensor's {name}" for name, right in checks.items() if not right]
