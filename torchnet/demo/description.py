"""A network as JSON values and an array of numbers, from which the JavaScript of web/mathematics builds it again."""

import base64
from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from torchnet.layers import Layer, Sequential, expect_layers_of_torchnet
from torchnet.losses import LOSSES
from torchnet.network import Network

# The layers that web/mathematics has, with the constructor arguments, and counters, that it needs.
_POOLING = ("kernel_size", "stride", "padding")
_BATCH_NORM = ("num_features", "eps", "momentum", "num_batches_tracked")
_OPTIONS: dict[str, tuple[str, ...]] = {
    "Linear": ("in_features", "out_features"),
    "Conv2d": ("kernel_size", "stride", "padding", "dilation", "groups"),
    "MaxPool2d": (*_POOLING, "dilation"),
    "AvgPool2d": (*_POOLING, "count_include_pad", "divisor_override"),
    "AdaptiveAvgPool2d": (),
    "BatchNorm1d": _BATCH_NORM,
    "BatchNorm2d": _BATCH_NORM,
    "GroupNorm": ("num_groups", "num_channels", "eps"),
    "LayerNorm": ("normalized_shape", "eps"),
    "RMSNorm": ("normalized_shape", "eps"),
    **dict.fromkeys(("Identity", "Dropout", "Dropout2d", "Flatten", "Sequential", "Residual"), ()),
    **dict.fromkeys(("ReLU", "Sigmoid", "SiLU", "Tanh", "SELU", "Mish", "Hardswish", "LogSigmoid", "Softsign"), ()),
    **dict.fromkeys(("Hardtanh", "ReLU6"), ("min_val", "max_val")),
    "CELU": ("alpha",),
    "ELU": ("alpha",),
    "GELU": ("approximate",),
    "LeakyReLU": ("negative_slope",),
    "Softplus": ("beta", "threshold"),
    "PReLU": ("init",),
}
_PAIRS = ("kernel_size", "stride", "padding", "dilation")
# The layers of images, which have to know the shapes of their images.
_OF_IMAGES = {"Conv2d", "MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d", "BatchNorm2d"}


def expect_shown(layers: Iterable[Layer]) -> None:
    """Raise a ValueError unless web/mathematics can run these layers, in order."""
    if isinstance(layers, Network) and type(layers).forward is not Network.forward:
        got = f"{type(layers).__name__}, which has a forward of its own"
        raise ValueError(f"expected a network that runs its layers in order, got {got}: the page would run another one")
    for layer in layers:
        expect_layers_of_torchnet(layer)
        for part in layer.modules():
            if not is_shown(type(part).__name__):
                raise ValueError(
                    f"expected layers that a page can show, got {type(part).__name__}: it can show "
                    f"{', '.join(_OPTIONS)}"
                )


def is_shown(kind: str) -> bool:
    """Whether web/mathematics has a layer of this name."""
    return kind in _OPTIONS


def describe(
    layers: Iterable[Layer], loss: str, input_shape: Sequence[int] | None = None, given: Sequence[int] | None = None
) -> tuple[dict[str, Any], str]:
    """Return a network as JSON values, and all its weights and buffers as one array in base64.

    Each layer has its kind, its name in the `state_dict`, its source file and its options, and the shape and offset of
    each of its weights and buffers in the array. A residual block also has its layers. If the samples are images, the
    options contain the shapes of a sample before and after the layer. The array is little-endian; it is float64 if one
    of the tensors is, else float32.

    Args:
        layers: a network, or its layers in order.
        loss: a name in `LOSSES`.
        input_shape: what the first layer takes of each sample; that of the network if None.
        given: the shape of a sample as it comes, whose channels may be last; input_shape if None.

    Raises:
        ValueError: if web/mathematics cannot run the layers, or a layer of images does not know their shape.
    """
    expect_shown(layers)
    shape = tuple(input_shape or getattr(layers, "input_shape", None) or ())
    named = {str(k): layer for k, layer in enumerate(layers)}
    tensors: list[Tensor] = []
    shapes = _shapes(list(named.values()), shape) if len(shape) == 3 else {}
    described = [_describe(name, layer, tensors, shapes) for name, layer in named.items()]
    dtype = torch.float64 if any(tensor.dtype == torch.float64 for tensor in tensors) else torch.float32
    row = torch.cat([tensor.detach().cpu().to(dtype).flatten() for tensor in tensors]) if tensors else torch.zeros(0)
    encoded = base64.b64encode(row.numpy().astype(row.numpy().dtype.newbyteorder("<")).tobytes()).decode()
    description = {
        "loss": loss,
        "loss_file": _file(LOSSES[loss].__module__),
        "dtype": str(dtype).removeprefix("torch."),
        "layers": described,
    }
    if given is not None and tuple(given) == (*shape[1:], *shape[:1]) != shape:
        description["channels_last"] = list(shape)
    return description, encoded


def _shapes(layers: list[Layer], input_shape: Sequence[int]) -> dict[str, dict[str, list[int]]]:
    """Return the shapes of a sample before and after each layer, by name, from a forward pass without numbers."""
    net = nn.Sequential(*deepcopy(layers)).eval().to("meta")
    shapes = {}
    for name, part in net.named_modules():

        def note(part: nn.Module, given: tuple[Tensor, ...], y: Tensor, name: str = name) -> None:
            shapes[name] = {"in_shape": list(given[0].shape[1:]), "out_shape": list(y.shape[1:])}

        part.register_forward_hook(note)
    dtype = next((weight.dtype for weight in net.parameters()), None)
    net(torch.zeros(1, *input_shape, dtype=dtype, device="meta"))
    return shapes


def _describe(
    name: str, layer: Layer, tensors: list[Tensor], shapes: dict[str, dict[str, list[int]]]
) -> dict[str, Any]:
    kind = type(layer).__name__
    if kind in _OF_IMAGES and name not in shapes:
        raise ValueError(
            f"expected a network with an input_shape, (channels, height, width), for {kind}: pass a torchnet.Network "
            "such as torchnet.ConvNet"
        )
    description: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "file": _file(type(layer).__module__),
        "options": {option: _value(layer, option) for option in _OPTIONS[kind]} | shapes.get(name, {}),
        "weights": _offsets(layer.named_parameters(recurse=False), tensors),
        "buffers": _offsets(layer.named_buffers(recurse=False), tensors),
    }
    if isinstance(layer, Sequential):
        inside = enumerate(layer)
        description["layers"] = [_describe(f"{name}.{i}", inner, tensors, shapes) for i, inner in inside]
    return description


def _value(layer: Any, option: str) -> Any:
    """Return a constructor argument or a counter as numbers, two for the size of a window and the like."""
    value = getattr(layer, option)
    if isinstance(value, Tensor):
        return value.item()
    if option == "normalized_shape":
        return list(value)
    if option == "eps" and value is None:  # of RMSNorm
        return torch.finfo(next((weight.dtype for weight in layer.parameters()), torch.float32)).eps
    if option == "padding" and value == "valid":
        return [0, 0]
    if option == "padding" and value == "same":  # of an odd number of zeros, one more is on the right
        return [d * (k - 1) // 2 for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    return [value, value] if option in _PAIRS and isinstance(value, int) else value


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
