"""The layers of a network as operations of an ONNX graph.

Most are elementary operations: the equations of the layers' forward passes in evaluation mode. ONNX also has an
operation for most layers, but stores their constants (α, β, ε) in float32, and ONNX Runtime implements many of
them for float32 only. Elementary operations support float64, and all numbers have the dtype of the weights.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from torchnet import layers
from torchnet.exporting.onnx_activations import above_zero, activation
from torchnet.exporting.onnx_graph import Graph
from torchnet.exporting.onnx_windows import average_pooling, convolution, max_pooling, per_channel

_Shape = tuple[int, ...]


def append_network(graph: Graph, net: nn.Sequential, x: str, shape: Sequence[int]) -> str:
    """Append the forward pass of a network in evaluation mode for inputs x, (N, *shape); return its output."""
    net = copy.deepcopy(net).eval()
    return _sequence(graph, net, x, "", _input_shapes(net, torch.zeros(2, *shape, dtype=graph.dtype)))


@torch.no_grad()
def _input_shapes(net: nn.Sequential, samples: Tensor) -> dict[nn.Module, _Shape]:
    """Return the shape that each layer takes of a sample: the operations that gather windows need it."""
    shapes: dict[nn.Module, _Shape] = {}
    for layer in net.modules():
        layer.register_forward_pre_hook(lambda layer, inputs: shapes.update({layer: tuple(inputs[0].shape[1:])}))
    net(samples)
    return shapes


def _sequence(graph: Graph, net: nn.Sequential, x: str, prefix: str, shapes: dict[nn.Module, _Shape]) -> str:
    for name, layer in net._modules.items():  # named_children leaves out a layer that appeared before
        assert layer is not None
        if isinstance(layer, nn.Sequential):
            y = _sequence(graph, layer, x, f"{prefix}{name}.", shapes)
            x = graph("Add", x, y) if isinstance(layer, layers.Residual) else y
        else:
            x = _layer(graph, layer, x, f"{prefix}{name}.", shapes[layer])
    return x


def _layer(graph: Graph, layer: nn.Module, x: str, prefix: str, shape: _Shape) -> str:
    """Append the forward pass of a layer that takes x, (N, *shape)."""
    match layer:
        case layers.Linear():
            return _linear(graph, layer, x, prefix, shape)
        case layers.Conv1d() | layers.Conv2d():
            return convolution(graph, layer, x, prefix, shape)
        case layers.MaxPool2d():
            return max_pooling(graph, layer, x, shape)
        case layers.AvgPool2d():
            return average_pooling(graph, layer, x, shape)
        case layers.AdaptiveAvgPool2d():
            return graph("ReduceMean", x, graph.integers(2, 3), keepdims=1)
        case layers.Flatten():
            return graph.reshape(x, *torch.empty(1, *shape).flatten(layer.start_dim, layer.end_dim).shape[1:])
        case layers.BatchNorm1d() | layers.BatchNorm2d():
            return _batch_norm(graph, layer, x, prefix, shape)
        case layers.GroupNorm():
            return _group_norm(graph, layer, x, prefix, shape)
        case layers.LayerNorm() | layers.RMSNorm():
            return _over_features(graph, layer, x, prefix)
        case layers.PReLU():
            slope = per_channel(graph, graph.weight(f"{prefix}weight", layer.weight), len(shape) - 1)
            return above_zero(graph, x, graph("Mul", x, slope))
        case layers.Dropout() | layers.Dropout2d() | layers.Identity():
            return x
        case _:
            return activation(graph, layer, x)


def _linear(graph: Graph, layer: layers.Linear, x: str, prefix: str, shape: _Shape) -> str:
    """Append y = x Wᵀ + b; Gemm takes rows only."""
    weight = graph.weight(f"{prefix}weight", layer.weight)
    bias = [] if layer.bias is None else [graph.weight(f"{prefix}bias", layer.bias)]
    if len(shape) == 1:
        return graph("Gemm", x, weight, *bias, transB=1)
    y = graph("MatMul", x, graph("Transpose", weight, perm=[1, 0]))
    return graph("Add", y, *bias) if bias else y


def _batch_norm(
    graph: Graph, layer: layers.BatchNorm1d | layers.BatchNorm2d, x: str, prefix: str, shape: _Shape
) -> str:
    """Append γ x̂ + β, or a x + (β - a μ) with a = γ / √(σ² + ε), a product and a sum that a convolution can take in."""
    dims = len(shape) - 1
    if layer.running_mean is None or layer.running_var is None:
        return _scaled(graph, layer, _normalized(graph, x, [0, *range(2, 2 + dims)], layer.eps), prefix, dims)
    mean = graph.weight(f"{prefix}running_mean", layer.running_mean)
    var = graph.weight(f"{prefix}running_var", layer.running_var)
    std = graph("Sqrt", graph("Add", var, layer.eps))
    weight, bias = _affine(graph, layer, prefix)
    scale = graph("Div", weight or 1.0, std)
    shift = graph("Sub", bias or 0.0, graph("Mul", scale, mean))
    return graph("Add", graph("Mul", x, per_channel(graph, scale, dims)), per_channel(graph, shift, dims))


def _group_norm(graph: Graph, layer: layers.GroupNorm, x: str, prefix: str, shape: _Shape) -> str:
    groups = graph("Reshape", x, graph.integers(0, layer.num_groups, -1))  # 0 keeps a size
    y = graph.reshape(_normalized(graph, groups, [2], layer.eps), *shape)
    return _scaled(graph, layer, y, prefix, len(shape) - 1)


def _over_features(graph: Graph, layer: layers.LayerNorm | layers.RMSNorm, x: str, prefix: str) -> str:
    """Append γ (x - μ) / √(σ² + ε) + β of the features of each sample; RMSNorm has neither μ nor β."""
    eps = torch.finfo(graph.dtype).eps if layer.eps is None else layer.eps
    axes = range(-len(layer.normalized_shape), 0)
    return _scaled(graph, layer, _normalized(graph, x, axes, eps, isinstance(layer, layers.LayerNorm)), prefix, 0)


def _affine(graph: Graph, layer: Any, prefix: str) -> tuple[str | None, str | None]:
    """Return the weight and the bias of a normalization, None where it has none."""
    weight = None if layer.weight is None else graph.weight(f"{prefix}weight", layer.weight)
    return weight, None if layer.bias is None else graph.weight(f"{prefix}bias", layer.bias)


def _scaled(graph: Graph, layer: nn.Module, x: str, prefix: str, dims: int) -> str:
    """Append γ x + β, with one value of each per channel if there are dimensions after the channels."""
    weight, bias = _affine(graph, layer, prefix)
    x = graph("Mul", x, per_channel(graph, weight, dims)) if weight else x
    return graph("Add", x, per_channel(graph, bias, dims)) if bias else x


def _normalized(graph: Graph, x: str, axes: Sequence[int], eps: float, centers: bool = True) -> str:
    """Append (x - μ) / √(σ² + ε), with statistics over axes."""

    def mean(values: str) -> str:
        return graph("ReduceMean", values, graph.integers(*axes), keepdims=1)

    centered = graph("Sub", x, mean(x)) if centers else x
    return graph("Div", centered, graph("Sqrt", graph("Add", mean(graph("Mul", centered, centered)), eps)))
