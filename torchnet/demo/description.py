"""A network as JSON values and an array of numbers, from which the JavaScript of web/mathematics builds it again."""

import base64
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from torchnet.layers import Layer, Residual
from torchnet.losses import LOSSES

# The constructor arguments, and counters, that the page needs, per kind of layer.
_OPTIONS = {
    "Linear": ("in_features", "out_features"),
    "BatchNorm1d": ("eps", "momentum", "num_batches_tracked"),
    "LayerNorm": ("eps",),
    "RMSNorm": ("eps",),
    "ELU": ("alpha",),
    "GELU": ("approximate",),
    "LeakyReLU": ("negative_slope",),
    "Softplus": ("beta", "threshold"),
    "Hardtanh": ("min_val", "max_val"),
    "CELU": ("alpha",),
    "PReLU": ("init",),
}


def describe(layers: Iterable[Layer], loss: str) -> tuple[dict[str, Any], str]:
    """Return a network as JSON values, and all its weights and buffers as one array in base64.

    Each layer has its kind, its name in the `state_dict`, its source file and its options, and the shape and offset of
    each of its weights and buffers in the array. A residual block also has its layers. The array is little-endian;
    it is float64 if one of the tensors is, else float32.
    """
    tensors: list[Tensor] = []
    described = [_describe(str(i), layer, tensors) for i, layer in enumerate(layers)]
    dtype = torch.float64 if any(tensor.dtype == torch.float64 for tensor in tensors) else torch.float32
    row = torch.cat([tensor.detach().cpu().to(dtype).flatten() for tensor in tensors]) if tensors else torch.zeros(0)
    encoded = base64.b64encode(row.numpy().astype(row.numpy().dtype.newbyteorder("<")).tobytes()).decode()
    description = {
        "loss": loss,
        "loss_file": _file(LOSSES[loss].__module__),
        "dtype": str(dtype).removeprefix("torch."),
        "layers": described,
    }
    return description, encoded


def _describe(name: str, layer: Layer, tensors: list[Tensor]) -> dict[str, Any]:
    kind = type(layer).__name__
    options = {option: getattr(layer, option) for option in _OPTIONS.get(kind, ())}
    options = {option: value.item() if isinstance(value, Tensor) else value for option, value in options.items()}
    if kind == "RMSNorm" and options["eps"] is None:
        options["eps"] = torch.finfo(next(layer.parameters()).dtype).eps
    description: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "file": _file(type(layer).__module__),
        "options": options,
        "weights": _offsets(layer.named_parameters(recurse=False), tensors),
        "buffers": _offsets(layer.named_buffers(recurse=False), tensors),
    }
    if isinstance(layer, Residual):
        description["layers"] = [_describe(f"{name}.{i}", inner, tensors) for i, inner in enumerate(layer)]
    return description


def _file(module: str) -> str:
    return module.replace(".", "/") + ".py"


def _offsets(named: Iterable[tuple[str, Tensor]], tensors: list[Tensor]) -> dict[str, Any]:
    """Append tensors to the list; return the offset and shape of each in the array."""
    offsets: dict[str, Any] = {}
    for name, tensor in named:
        if tensor.dim() == 0:
            continue  # a counter, which is an option
        offsets[name] = {"offset": sum(other.numel() for other in tensors), "shape": list(tensor.shape)}
        tensors.append(tensor)
    return offsets
