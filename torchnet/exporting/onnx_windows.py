"""Convolution and pooling as operations of an ONNX graph.

ONNX Runtime convolves in float32 only, and its poolings count the pixels of a window at the edge in another way than
PyTorch. Where its operations cannot be used, patches are gathered, and multiplied by the weight or reduced.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch

from torchnet import layers
from torchnet.exporting.onnx_graph import Graph
from torchnet.layers.patches import Windows


def convolution(graph: Graph, layer: layers.Conv1d | layers.Conv2d, x: str, prefix: str, shape: Sequence[int]) -> str:
    """Append y = W ∗ x + b of an input (N, *shape)."""
    where = layer._windows(torch.empty(1, *shape, device="meta"))
    weight = graph.weight(f"{prefix}weight", layer.weight)
    bias = [] if layer.bias is None else [graph.weight(f"{prefix}bias", layer.bias)]
    if graph.dtype == torch.float32:
        return graph("Conv", x, weight, *bias, group=layer.groups, **_geometry(where))
    outputs, values = len(layer.weight), layer.weight[0].numel()  # of an output and a position
    positions = math.prod(where.output_size)
    patches = graph.reshape(_patches(graph, x, where, 0.0), layer.groups, values, positions)
    rows = graph("Reshape", weight, graph.integers(layer.groups, outputs // layer.groups, values))
    y = graph.reshape(graph("MatMul", rows, patches), outputs, *where.output_size)
    return graph("Add", y, per_channel(graph, bias[0], layer.dimensions)) if bias else y


def max_pooling(graph: Graph, layer: layers.MaxPool2d, x: str, shape: Sequence[int]) -> str:
    """Append the largest value of each window of an input (N, *shape)."""
    where = layer._windows(shape)
    if not layer.ceil_mode:
        return graph("MaxPool", x, **_geometry(where))
    return _reduced(graph, "ReduceMax", _patches(graph, x, where, -math.inf), shape[0], where)


def average_pooling(graph: Graph, layer: layers.AvgPool2d, x: str, shape: Sequence[int]) -> str:
    """Append the mean of each window of an input (N, *shape)."""
    where = layer._windows(shape)
    sums = _reduced(graph, "ReduceSum", _patches(graph, x, where, 0.0), shape[0], where)
    counts = torch.as_tensor(layer._divisor(where, torch.device("cpu")), dtype=graph.dtype)
    return graph("Div", sums, graph.constant(counts.reshape(where.output_size) if counts.dim() else counts))


def per_channel(graph: Graph, values: str, dims: int) -> str:
    """Append (C,) -> (C, 1, ...), which is broadcast over the dimensions of an image."""
    return graph("Unsqueeze", values, graph.integers(*range(1, dims + 1))) if dims else values


def _geometry(where: Windows) -> dict[str, Any]:
    pads = [before for before, _ in where.padding] + [after for _, after in where.padding]
    return {"kernel_shape": where.kernel_size, "strides": where.stride, "dilations": where.dilation, "pads": pads}


def _patches(graph: Graph, x: str, where: Windows, outside: float) -> str:
    """Append the patches of images as columns: (N, C, H, W) -> (N, C, K, P)."""
    pixels = graph("Reshape", x, graph.integers(0, 0, -1))  # 0 keeps a size
    patches = graph("Gather", pixels, graph.constant(where.indices()), axis=2)
    inside = where.inside()
    return patches if inside.all() else graph("Where", graph.constant(inside), patches, outside)


def _reduced(graph: Graph, operation: str, patches: str, channels: int, where: Windows) -> str:
    """Append a sum or a maximum over each patch: (N, C, K, P) -> (N, C, H', W')."""
    return graph.reshape(graph(operation, patches, graph.integers(2), keepdims=0), channels, *where.output_size)
