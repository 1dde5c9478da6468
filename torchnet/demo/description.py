"""A network as the page reads it: its layers as plain data, and all their numbers in one row."""

import base64
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from torchnet.layers import Layer, Residual
from torchnet.losses import LOSSES

# What a layer is made with, as far as it tells one layer of its kind from another in evaluation.
_OPTIONS = {
    "Linear": ("in_features", "out_features"),
    "BatchNorm1d": ("eps",),
    "LayerNorm": ("eps",),
    "RMSNorm": ("eps",),
    "ELU": ("alpha",),
    "GELU": ("approximate",),
    "LeakyReLU": ("negative_slope",),
    "Softplus": ("beta", "threshold"),
}


def describe(layers: Iterable[Layer], loss: str) -> tuple[dict[str, Any], str]:
    """Return a network as plain data, and its numbers in base64.

    Each layer has its kind, its name in the `state_dict`, its file, its options, and for each of its weights and
    buffers the shape and the place in the row of numbers; a residual block has its layers, too. The numbers are
    little-endian, float64 if one of the tensors is, else float32.

    Args:
        layers: of the network, in order; they are shown as they work in evaluation.
        loss: its name in `torchnet.losses.LOSSES`.
    """
    numbers: list[Tensor] = []
    described = [_describe(str(i), layer, numbers) for i, layer in enumerate(layers)]
    dtype = torch.float64 if any(tensor.dtype == torch.float64 for tensor in numbers) else torch.float32
    row = torch.cat([tensor.detach().cpu().to(dtype).flatten() for tensor in numbers]) if numbers else torch.zeros(0)
    encoded = base64.b64encode(row.numpy().astype(row.numpy().dtype.newbyteorder("<")).tobytes()).decode()
    description = {
        "loss": loss,
        "loss_file": _file(LOSSES[loss].__module__),
        "dtype": str(dtype).removeprefix("torch."),
        "layers": described,
    }
    return description, encoded


def _describe(name: str, layer: Layer, numbers: list[Tensor]) -> dict[str, Any]:
    kind = type(layer).__name__
    options = {option: getattr(layer, option) for option in _OPTIONS.get(kind, ())}
    if kind == "RMSNorm" and options["eps"] is None:
        options["eps"] = torch.finfo(next(layer.parameters()).dtype).eps
    description: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "file": _file(type(layer).__module__),
        "options": options,
        "weights": _places(layer.named_parameters(recurse=False), numbers),
        "buffers": _places(layer.named_buffers(recurse=False), numbers),
    }
    if isinstance(layer, Residual):
        description["layers"] = [_describe(f"{name}.{i}", inner, numbers) for i, inner in enumerate(layer)]
    return description


def _file(module: str) -> str:
    return module.replace(".", "/") + ".py"


def _places(tensors: Iterable[tuple[str, Tensor]], numbers: list[Tensor]) -> dict[str, Any]:
    """Append tensors to the row of numbers; return where they are in it."""
    places: dict[str, Any] = {}
    for name, tensor in tensors:
        if tensor.dim() == 0:
            continue  # a counter, of no use in evaluation
        places[name] = {"offset": sum(other.numel() for other in numbers), "shape": list(tensor.shape)}
        numbers.append(tensor)
    return places
