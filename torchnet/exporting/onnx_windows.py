"""Convolution and pooling as operations of an ONNX graph.

ONNX Runtime convolves in float32 only, and its poolings count the values of a window at the edge in another way than
PyTorch. Where they cannot be used, the windows of an image are gathered, and multiplied by the weight or reduced.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchnet.exporting.onnx_graph import Graph


class _Windows(NamedTuple):
    """The positions of windows along one dimension of an image.

    Attributes:
        size: of the image.
        pads: what is added before and after it.
        places: (kernel, windows), in the padded image.
    """

    size: int
    pads: tuple[int, int]
    places: Tensor

    @classmethod
    def of(
        cls, size: int, kernel: int, stride: int, pads: tuple[int, int], dilation: int, ceil_mode: bool
    ) -> "_Windows":
        reach = dilation * (kernel - 1) + 1
        room = size + sum(pads) - reach
        count = (math.ceil(room / stride) if ceil_mode else room // stride) + 1
        if ceil_mode and (count - 1) * stride >= size + pads[0]:
            count -= 1  # no window may begin in the padding behind the image
        places = torch.arange(kernel)[:, None] * dilation + torch.arange(count) * stride
        return cls(size, (pads[0], max(pads[1], int(places.max()) + 1 - size - pads[0])), places)

    def counted(self, pads: tuple[int, int]) -> Tensor:
        """Return how many values of each window are in the image or in this padding."""
        places = self.places - self.pads[0]
        return ((places >= -pads[0]) & (places < self.size + pads[1])).sum(dim=0)


def convolution(graph: Graph, layer: Any, x: str, prefix: str, shape: Sequence[int]) -> str:
    """Append y = W ∗ x + b of an input (N, *shape)."""
    weight = graph.weight(f"{prefix}weight", layer.weight)
    (outputs, inputs, *kernel), groups = layer.weight.shape, layer.groups
    dims = len(kernel)
    stride, dilation = _each(layer.stride, dims), _each(layer.dilation, dims)
    pads = _pads(layer.padding, kernel, dilation)
    bias = [] if layer.bias is None else [graph.weight(f"{prefix}bias", layer.bias)]
    if graph.dtype == torch.float32:
        sides = [before for before, _ in pads] + [after for _, after in pads]
        geometry = {"strides": stride, "pads": sides, "dilations": dilation, "group": groups}
        return graph("Conv", x, weight, *bias, kernel_shape=kernel, **geometry)
    windows = [_Windows.of(*it, False) for it in zip(shape[1:], kernel, stride, pads, dilation, strict=True)]
    x = _gathered(graph, x, windows, 0.0)
    x = graph.reshape(x, groups, inputs, *(it for window in windows for it in window.places.shape))
    weight = graph("Reshape", weight, graph.integers(groups, outputs // groups, inputs, *kernel))
    pairs = "".join(map("".join, zip("ij", "hw", strict=True)))[: 2 * dims]  # a place in the kernel, a window
    y = graph("Einsum", x, weight, equation=f"ngc{pairs},goc{'ij'[:dims]}->ngo{'hw'[:dims]}")
    y = graph.reshape(y, outputs, *(window.places.shape[1] for window in windows))
    return graph("Add", y, per_channel(graph, bias[0], dims)) if bias else y


def max_pooling(graph: Graph, layer: Any, x: str, shape: Sequence[int]) -> str:
    """Append the largest value of each window of an input (N, *shape)."""
    dims = len(shape) - 1
    kernel, stride, dilation = (_each(it, dims) for it in (layer.kernel_size, layer.stride, layer.dilation))
    pads = _pads(layer.padding, kernel, dilation)
    if not layer.ceil_mode:
        sides = [before for before, _ in pads] + [after for _, after in pads]
        return graph("MaxPool", x, kernel_shape=kernel, strides=stride, pads=sides, dilations=dilation)
    windows = [_Windows.of(*it, True) for it in zip(shape[1:], kernel, stride, pads, dilation, strict=True)]
    return _reduced(graph, "ReduceMax", _gathered(graph, x, windows, -math.inf), dims)


def average_pooling(graph: Graph, layer: Any, x: str, shape: Sequence[int]) -> str:
    """Append the mean of each window of an input (N, *shape)."""
    dims = len(shape) - 1
    kernel, stride = _each(layer.kernel_size, dims), _each(layer.stride, dims)
    pads = _pads(layer.padding, kernel, [1] * dims)
    windows = [_Windows.of(*it, 1, layer.ceil_mode) for it in zip(shape[1:], kernel, stride, pads, strict=True)]
    counts = [
        window.counted(pad if layer.count_include_pad else (0, 0)) for window, pad in zip(windows, pads, strict=True)
    ]
    values = counts[0] if dims == 1 else counts[0][:, None] * counts[1]
    sums = _reduced(graph, "ReduceSum", _gathered(graph, x, windows, 0.0), dims)
    return graph("Div", sums, graph.constant(values.to(graph.dtype)))


def per_channel(graph: Graph, values: str, dims: int) -> str:
    """Append (C,) -> (C, 1, ...), which is broadcast over the dimensions of an image."""
    return graph("Unsqueeze", values, graph.integers(*range(1, dims + 1))) if dims else values


def _gathered(graph: Graph, x: str, windows: Sequence[_Windows], fill: float) -> str:
    """Append the windows of images: (N, C, H, W) -> (N, C, kernel height, windows, kernel width, windows)."""
    sides = [window.pads[0] for window in windows], [window.pads[1] for window in windows]
    if any(map(any, sides)):
        x = graph("Pad", x, graph.integers(0, 0, *sides[0], 0, 0, *sides[1]), fill)
    for number, window in enumerate(windows):
        x = graph("Gather", x, graph.constant(window.places), axis=2 + 2 * number)
    return x


def _reduced(graph: Graph, operation: str, windows: str, dims: int) -> str:
    """Append a sum or a maximum over the values of each window."""
    return graph(operation, windows, graph.integers(*range(2, 2 + 2 * dims, 2)), keepdims=0)


def _each(value: int | Sequence[int], dims: int) -> list[int]:
    return [value] * dims if isinstance(value, int) else [*value]


def _pads(padding: int | str | Sequence[int], kernel: Sequence[int], dilation: Sequence[int]) -> list[tuple[int, int]]:
    """Return the padding before and after each dimension."""
    if padding == "same":
        totals = [step * (size - 1) for size, step in zip(kernel, dilation, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    sides = [0] * len(kernel) if isinstance(padding, str) else _each(padding, len(kernel))
    return [(side, side) for side in sides]
