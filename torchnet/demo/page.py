"""One self-contained HTML page, made of the files in web/ and a network. It needs no server and no internet."""

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from torch import Tensor

from torchnet.data import Preprocessing
from torchnet.data.inputs import Inputs, Table
from torchnet.layers import Layer, Residual, expect_layers_of_torchnet
from torchnet.losses import LOSSES

_WEB = Path(__file__).parent / "web"
_STYLES = ("base", "drawing", "passes", "rows")
# A class comes before the classes that extend it.
_SCRIPTS = (
    *(
        "layers",
        "erfc",
        "activations",
        "losses",
        "network",
        "table",
        "digit",
        "examples",
        "elements",
        "pictures",
        "bars",
    ),
    *("equations", "plots", "rows", "views", "board", "images", "sliders", "inputs", "targets", "demo"),
)
# The constructor arguments that the page needs, per kind of layer.
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


def demo_page(layers: Iterable[Layer], loss: str, name: str, steps: int, preprocessing: Preprocessing) -> str:
    """Return the page of a run as HTML: of the layers of its network in order, with a loss of `LOSSES`.

    The page also shows the name of the run and the number of its training steps. Its preprocessing says whether digits,
    images or rows of a table are set on the page, and what the outputs are called.

    Raises:
        ValueError: if the inputs are images that are not square, or flat rows of pixels, or a layer is not torchnet's.
    """
    kind = kind_of(preprocessing.inputs)
    layers = list(layers)
    for layer in layers:
        expect_layers_of_torchnet(layer)
    network, numbers = describe(layers, loss)
    environment = Environment(autoescape=True, undefined=StrictUndefined, loader=FileSystemLoader(_WEB))
    return environment.get_template("demo.html").render(
        name=name,
        steps=steps,
        kind=kind,
        is_color=len(preprocessing.inputs.shape) == 3,
        task=preprocessing.task,
        network=network | {"preprocessing": preprocessing.as_dict()},
        numbers=numbers,
        style=_text(_STYLES, ".css"),
        script=_text(_SCRIPTS, ".js"),
    )


def kind_of(inputs: Inputs) -> str:
    """Return what is set on the page of a network with these inputs: a "digit", an "image" or a row of a "table".

    Raises:
        ValueError: if they are images that are not square, or flat rows of pixels.
    """
    if isinstance(inputs, Table):
        return "table"
    if not inputs.is_image:
        got = f"rows of {inputs.in_features} pixels"
    else:
        height, width, *_ = inputs.drawn(np.zeros(inputs.in_features, np.uint8)).shape
        if height == width:
            return "digit" if inputs.digits else "image"
        got = f"images of {height} x {width} pixels"
    raise ValueError(
        f"expected a network for square images or for a table, got one for {got}: the page can only draw square images"
    )


def _text(names: Iterable[str], suffix: str) -> str:
    return "\n".join((_WEB / f"{name}{suffix}").read_text(encoding="utf-8") for name in names)


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
            continue  # a counter, which evaluation does not need
        offsets[name] = {"offset": sum(other.numel() for other in tensors), "shape": list(tensor.shape)}
        tensors.append(tensor)
    return offsets
