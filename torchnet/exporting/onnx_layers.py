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
from torchnet.exporting.onnx_activations import activation
from torchnet.exporting.onnx_graph import Graph
from torchnet.exporting.onnx_windows import convolution, max_pooling, per_channel

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
        case layers.Conv2d():
            return convolution(graph, layer, x, prefix, shape)
        case layers.MaxPool2d():
            return max_pooling(graph, layer, x, shape)
        case layers.AdaptiveAvgPool2d():
            return graph("ReduceMean", x, graph.integers(2, 3), keepdims=1)
        case layers.Flatten():
            return graph.reshape(x, *torch.empty(1, *shape).flatten(layer.start_dim, layer.end_dim).shape[1:])
        case layers.BatchNorm1d() | layers.BatchNorm2d():
            return _batch_norm(graph, layer, x, prefix, len(shape) - 1)
        case layers.LayerNorm() | layers.RMSNorm():
            return _over_features(graph, layer, x, prefix)
        case layers.Dropout() | layers.Identity():
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


def _batch_norm(graph: Graph, layer: Any, x: str, prefix: str, dims: int) -> str:
    """Append y = a x + (β - a μ) with a = γ / √(σ² + ε): one product and one sum, which a convolution can take in."""
    mean, var = (graph.weight(f"{prefix}{name}", getattr(layer, name)) for name in ("running_mean", "running_var"))
    weight, bias = (graph.weight(f"{prefix}{name}", getattr(layer, name)) for name in ("weight", "bias"))
    scale = graph("Div", weight, graph("Sqrt", graph("Add", var, layer.eps)))
    shift = graph("Sub", bias, graph("Mul", scale, mean))
    return graph("Add", graph("Mul", x, per_channel(graph, scale, dims)), per_channel(graph, shift, dims))


def _over_features(graph: Graph, layer: layers.LayerNorm | layers.RMSNorm, x: str, prefix: str) -> str:
    """Append y = γ (x - μ) / √(σ² + ε) + β of the features of each sample; RMSNorm has neither μ nor β."""
    eps = torch.finfo(graph.dtype).eps if layer.eps is None else layer.eps
    axes = [1]
    y = _normalized(graph, x, axes, eps, centers=isinstance(layer, layers.LayerNorm))
    y = graph("Mul", y, graph.weight(f"{prefix}weight", layer.weight))
    return y if isinstance(layer, layers.RMSNorm) else graph("Add", y, graph.weight(f"{prefix}bias", layer.bias))


def _normalized(graph: Graph, x: str, axes: Sequence[int], eps: float, centers: bool = True) -> str:
    """Append (x - μ) / √(σ² + ε), with statistics over axes."""

    def mean(values: str) -> str:
        return graph("ReduceMean", values, graph.integers(*axes), keepdims=1)

    centered = graph("Sub", x, mean(x)) if centers else x
    return graph("Div", centered, graph("Sqrt", graph("Add", mean(graph("Mul", centered, centered)), eps)))
