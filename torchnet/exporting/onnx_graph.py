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
from torchnet.layers import selu

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
            case layers.PReLU():
                if layer.num_parameters > 1:
                    raise ValueError(f"expected a PReLU with one slope, got {layer}: only that can be exported to ONNX")
                return self.rectified(x, self("Mul", x, self.weight(f"{prefix}weight", layer.weight)))
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
                return self.rectified(x, self("Mul", x, slope))
            case layers.ELU(alpha=alpha):
                return self.rectified(x, self("Mul", self("Sub", self("Exp", x), 1.0), alpha))
            case layers.CELU(alpha=alpha):
                exponential = self("Exp", self("Div", x, alpha))
                return self.rectified(x, self("Mul", self("Sub", exponential, 1.0), alpha))
            case layers.SELU():
                elu = self.rectified(x, self("Mul", self("Sub", self("Exp", x), 1.0), selu.ALPHA))
                return self("Mul", elu, selu.SCALE)
            case layers.GELU(approximate="none"):  # x (½ + ½ erf(x / √2))
                half = self("Mul", self("Erf", self("Mul", x, math.sqrt(0.5))), 0.5)
                return self("Mul", x, self("Add", half, 0.5))
            case layers.GELU():  # x σ(2√(2/π) (x + 0.044715 x³)) = x σ(2√(2/π) x (1 + 0.044715 x²))
                bracket = self("Mul", x, self("Add", self("Mul", self("Mul", x, x), 0.044715), 1.0))
                return self("Mul", x, self("Sigmoid", self("Mul", bracket, 2 * math.sqrt(2 / math.pi))))
            case layers.SiLU():
                return self("Mul", x, self("Sigmoid", x))
            case layers.Mish():
                return self("Mul", x, self("Tanh", self.softplus(x)))
            case layers.Hardtanh(min_val=low, max_val=high):
                return self.clipped(x, low, high)
            case layers.Hardswish():
                return self("Mul", x, self("Div", self.clipped(self("Add", x, 3.0), 0.0, 6.0), 6.0))
            case layers.Softsign():
                return self("Div", x, self("Add", self("Abs", x), 1.0))
            case layers.LogSigmoid():
                return self("Neg", self.softplus(self("Neg", x)))
            case layers.Softplus(beta=beta, threshold=threshold):
                z = self("Mul", x, beta)
                return self("Where", self("Greater", z, threshold), x, self("Div", self.softplus(z), beta))
            case layers.Softmax(dim=dim) | layers.LogSoftmax(dim=dim):
                return self(type(layer).__name__, x, axis=dim)
        raise TypeError(f"expected one of torchnet's layers, got {type(layer).__name__}")

    def rectified(self, x: str, otherwise: str) -> str:
        """Append y = x where x > 0, another value elsewhere."""
        return self("Where", self("Greater", x, 0.0), x, otherwise)

    def clipped(self, x: str, low: float, high: float) -> str:
        """Append y = min(max(x, low), high)."""
        return self("Min", self("Max", x, low), high)

    def softplus(self, x: str) -> str:
        """Append y = log(1 + eˣ) = max(x, 0) + log(1 + e^-|x|)."""
        return self("Add", self("Relu", x), self("Log", self("Add", self("Exp", self("Neg", self("Abs", x))), 1.0)))

    def normalization(self, layer: layers.BatchNorm1d | layers.LayerNorm | layers.RMSNorm, x: str, prefix: str) -> str:
        """Append y = γ (x - μ) / √(σ² + ε) + β; RMSNorm has neither μ nor β."""
        eps = torch.finfo(self.dtype).eps if layer.eps is None else layer.eps
        if isinstance(layer, layers.BatchNorm1d):
            centered = self("Sub", x, self.weight(f"{prefix}running_mean", layer.running_mean))
            var = self.weight(f"{prefix}running_var", layer.running_var)
        else:
            centered = self("Sub", x, self.mean(x)) if isinstance(layer, layers.LayerNorm) else x
            var = self.mean(self("Mul", centered, centered))
        y = self("Div", centered, self("Sqrt", self("Add", var, eps)))
        y = self("Mul", y, self.weight(f"{prefix}weight", layer.weight))
        return y if isinstance(layer, layers.RMSNorm) else self("Add", y, self.weight(f"{prefix}bias", layer.bias))

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
