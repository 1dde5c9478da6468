"""The layers of a network as operations of an ONNX graph.

They are elementary operations: the equations of the layers' forward passes in evaluation mode. ONNX also
has an operation for most layers, but stores their constants (α, β, ε) in float32, and ONNX Runtime implements many of
them for float32 only. Elementary operations support float64, and all numbers have the dtype of the weights.
"""

import math
from collections.abc import Sequence
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from torchnet import layers

_TYPES = {torch.float32: TensorProto.FLOAT, torch.float64: TensorProto.DOUBLE}


class Graph:
    """Operations in order of execution. Values are identified by name: `x` and all returned strings are names."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.type = _TYPES[dtype]
        self.inputs: list[onnx.ValueInfoProto] = []
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}

    def input(self, name: str, type: int, shape: Sequence[int]) -> str:
        """Add an input of a type of TensorProto and shape (N, *shape)."""
        self.inputs.append(helper.make_tensor_value_info(name, type, ["N", *shape]))
        return name

    def sequence(self, net: nn.Sequential, x: str, prefix: str) -> str:
        for name, layer in net.named_children():
            x = self.layer(layer, x, f"{prefix}{name}.")
        return x

    def layer(self, layer: nn.Module, x: str, prefix: str) -> str:
        """Append the forward pass of a layer in evaluation mode."""
        match layer:
            case layers.Residual():
                return self("Add", x, self.sequence(layer, x, prefix))
            case layers.Linear():
                bias = [] if layer.bias is None else [self.weight(f"{prefix}bias", layer.bias)]
                return self("Gemm", x, self.weight(f"{prefix}weight", layer.weight), *bias, transB=1)
            case layers.BatchNorm1d() | layers.LayerNorm() | layers.RMSNorm():
                return self.normalization(layer, x, prefix)
            case layers.Dropout() | layers.Identity():
                return x
            case _:
                return self.activation(layer, x)

    def activation(self, layer: nn.Module, x: str) -> str:
        match layer:
            case layers.Sigmoid():
                return self("Sigmoid", x)
            case layers.Tanh():
                return self("Tanh", x)
            case layers.ReLU():
                return self("Relu", x)
            case layers.LeakyReLU(negative_slope=slope):
                return self("Where", self("Greater", x, 0.0), x, self("Mul", x, slope))
            case layers.ELU(alpha=alpha):
                return self("Where", self("Greater", x, 0.0), x, self("Mul", self("Sub", self("Exp", x), 1.0), alpha))
            case layers.GELU(approximate="none"):  # x (½ + ½ erf(x / √2))
                half = self("Mul", self("Erf", self("Mul", x, math.sqrt(0.5))), 0.5)
                return self("Mul", x, self("Add", half, 0.5))
            case layers.GELU():  # x σ(2√(2/π) (x + 0.044715 x³)) = x σ(2√(2/π) x (1 + 0.044715 x²))
                bracket = self("Mul", x, self("Add", self("Mul", self("Mul", x, x), 0.044715), 1.0))
                return self("Mul", x, self("Sigmoid", self("Mul", bracket, 2 * math.sqrt(2 / math.pi))))
            case layers.SiLU():
                return self("Mul", x, self("Sigmoid", x))
            case layers.Softplus(beta=beta, threshold=threshold):  # log(1 + eᶻ) = max(z, 0) + log(1 + e^-|z|)
                z = self("Mul", x, beta)
                log = self("Log", self("Add", self("Exp", self("Neg", self("Abs", z))), 1.0))
                y = self("Div", self("Add", self("Relu", z), log), beta)
                return self("Where", self("Greater", z, threshold), x, y)
        raise TypeError(f"expected one of torchnet's layers, got {type(layer).__name__}")

    def normalization(self, layer: layers.BatchNorm1d | layers.LayerNorm | layers.RMSNorm, x: str, prefix: str) -> str:
        """Append y = γ (x - μ) / √(σ² + ε) + β; RMSNorm has neither μ nor β."""
        eps = torch.finfo(self.dtype).eps if layer.eps is None else layer.eps
        if isinstance(layer, layers.BatchNorm1d):
            if layer.running_mean is None or layer.running_var is None:
                raise ValueError("expected running statistics, got a BatchNorm1d with track_running_stats=False")
            centered = self("Sub", x, self.weight(f"{prefix}running_mean", layer.running_mean))
            var = self.weight(f"{prefix}running_var", layer.running_var)
        else:
            centered = self("Sub", x, self.mean(x)) if isinstance(layer, layers.LayerNorm) else x
            var = self.mean(self("Mul", centered, centered))
        y = self("Div", centered, self("Sqrt", self("Add", var, eps)))
        y = y if layer.weight is None else self("Mul", y, self.weight(f"{prefix}weight", layer.weight))
        return y if layer.bias is None else self("Add", y, self.weight(f"{prefix}bias", layer.bias))

    def mean(self, x: str) -> str:
        """Append the mean over the features of each sample."""
        return self("ReduceMean", x, self.weight("features_axis", torch.tensor([1])), keepdims=1)

    def cast(self, x: str, type: int) -> str:
        return self("Cast", x, to=type)

    def double(self, name: str, values: float | Sequence[float]) -> str:
        """Return a float64 constant, for the preprocessing."""
        return self.weight(name, torch.tensor(values, dtype=torch.float64))

    def rename_last(self, name: str) -> None:
        """Rename the output of the last operation."""
        self.nodes[-1].output[0] = name

    def weight(self, name: str, tensor: Tensor) -> str:
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(tensor.numpy(), name)
        return name

    def __call__(self, operation: str, *inputs: str | float, **attributes: Any) -> str:
        """Append an operation on values and constants; return the name of its output."""
        names = [
            it if isinstance(it, str) else self.weight(repr(it), torch.tensor(it, dtype=self.dtype)) for it in inputs
        ]
        output = f"{operation}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, names, [output], name=output, **attributes))
        return output
