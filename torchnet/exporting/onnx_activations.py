"""Activations as operations of an ONNX graph."""

import math

from torch import nn

from torchnet import layers
from torchnet.exporting.onnx_graph import Graph
from torchnet.layers import selu


def activation(graph: Graph, layer: nn.Module, x: str) -> str:
    """Append the forward pass of an activation without weights."""
    match layer:
        case layers.Sigmoid():
            return graph("Sigmoid", x)
        case layers.Tanh():
            return graph("Tanh", x)
        case layers.ReLU():
            return graph("Relu", x)
        case layers.Softsign():
            return graph("Softsign", x)
        case layers.LeakyReLU(negative_slope=slope):
            return above_zero(graph, x, graph("Mul", x, slope))
        case layers.ELU(alpha=alpha):
            return above_zero(graph, x, graph("Mul", graph("Sub", graph("Exp", x), 1.0), alpha))
        case layers.CELU(alpha=alpha):
            power = graph("Exp", graph("Div", x, alpha))
            return above_zero(graph, x, graph("Mul", graph("Sub", power, 1.0), alpha))
        case layers.SELU():
            curve = graph("Mul", graph("Sub", graph("Exp", x), 1.0), selu.ALPHA)
            return graph("Mul", above_zero(graph, x, curve), selu.SCALE)
        case layers.Hardtanh(min_val=low, max_val=high):  # ReLU6, too
            return graph("Clip", x, low, high)
        case layers.Hardswish():  # x min(max(x + 3, 0), 6) / 6
            return graph("Mul", x, graph("Div", graph("Clip", graph("Add", x, 3.0), 0.0, 6.0), 6.0))
        case layers.Mish():
            return graph("Mul", x, graph("Tanh", _softplus(graph, x)))
        case layers.LogSigmoid():
            return graph("Neg", _softplus(graph, graph("Neg", x)))
        case layers.Softmax(dim=dim) | layers.LogSoftmax(dim=dim):
            return graph(type(layer).__name__, x, axis=dim)
        case layers.GELU(approximate="none"):  # x (½ + ½ erf(x / √2))
            half = graph("Mul", graph("Erf", graph("Mul", x, math.sqrt(0.5))), 0.5)
            return graph("Mul", x, graph("Add", half, 0.5))
        case layers.GELU():  # x σ(2√(2/π) (x + 0.044715 x³)) = x σ(2√(2/π) x (1 + 0.044715 x²))
            bracket = graph("Mul", x, graph("Add", graph("Mul", graph("Mul", x, x), 0.044715), 1.0))
            return graph("Mul", x, graph("Sigmoid", graph("Mul", bracket, 2 * math.sqrt(2 / math.pi))))
        case layers.SiLU():
            return graph("Mul", x, graph("Sigmoid", x))
        case layers.Softplus(beta=beta, threshold=threshold):
            z = graph("Mul", x, beta)
            return graph("Where", graph("Greater", z, threshold), x, graph("Div", _softplus(graph, z), beta))
    raise ValueError(f"expected a layer that ONNX is written for, got {type(layer).__name__}")


def above_zero(graph: Graph, x: str, otherwise: str) -> str:
    """Append x where it is positive, and something else elsewhere."""
    return graph("Where", graph("Greater", x, 0.0), x, otherwise)


def _softplus(graph: Graph, z: str) -> str:
    """Append log(1 + eᶻ) = max(z, 0) + log(1 + e^-|z|), which does not overflow."""
    log = graph("Log", graph("Add", graph("Exp", graph("Neg", graph("Abs", z))), 1.0))
    return graph("Add", graph("Relu", z), log)
