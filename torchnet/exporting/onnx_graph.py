"""A network as a graph of ONNX, which ONNX Runtime and many other programs run.

The graph is written operation by operation, from the equations of the layers' forward passes in evaluation mode. ONNX
has an operation for most layers, too, but keeps their numbers (α, β, ε) in float32, and ONNX Runtime knows many of them
for float32 alone: the arithmetic that they are made of it knows for float64, and all numbers are in the type of the
weights.
"""

import math
from collections.abc import Mapping
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from torchnet.layers import (
    ELU,
    GELU,
    BatchNorm1d,
    Dropout,
    Identity,
    LayerNorm,
    LeakyReLU,
    Linear,
    ReLU,
    Residual,
    RMSNorm,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)

IMAGES, LOGITS = "images", "logits"  # the names of the input and the output
_TYPES = {torch.float32: TensorProto.FLOAT, torch.float64: TensorProto.DOUBLE}
_OPSET, _IR = 18, 8  # versions of the operations and of the format: ONNX Runtime 1.14, of 2023, has them
_MOST_BYTES = 2**31 - 2**20  # a file of ONNX has less than 2 GiB; the rest is for all that is no weight


def onnx_model(net: nn.Sequential, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """Return a model with the input "images", (N, I) pixels scaled to 0..1, and the output "logits", (N, C).

    N is free. The weights have the names of the `state_dict`.

    Args:
        net: the network, of layers of torchnet; it begins and ends with a Linear.
        metadata: text that goes with it.

    Raises:
        ValueError: if the network is one that such a file, or ONNX Runtime, has no room or no operation for.
    """
    weights = net.state_dict()
    linears = [layer for layer in net.modules() if isinstance(layer, Linear)]
    dtype = linears[0].weight.dtype
    size = sum(weight.nbytes for weight in weights.values())
    if size > _MOST_BYTES:
        raise ValueError(f"expected weights of less than 2 GiB, which is the most in an .onnx file, got {size} bytes")
    if dtype == torch.float64 and any(
        isinstance(layer, GELU) and layer.approximate == "none" for layer in net.modules()
    ):
        raise ValueError("expected no gelu in a network of float64: ONNX Runtime has no error function for float64")
    graph = _Graph(dtype)
    graph.layers(net, IMAGES, "")
    graph.nodes[-1].output[0] = LOGITS
    kind = _TYPES[dtype]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "MLP",
            [helper.make_tensor_value_info(IMAGES, kind, ["N", linears[0].in_features])],
            [helper.make_tensor_value_info(LOGITS, kind, ["N", linears[-1].out_features])],
            [*graph.initializers.values()],
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
        producer_name="torchnet",
    )
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    return model


class _Graph:
    """Operations in order. A value is known by its name: `x` and what methods return are names."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}

    def layers(self, layers: nn.Sequential, x: str, prefix: str) -> str:
        for name, layer in layers.named_children():
            x = self.layer(layer, x, f"{prefix}{name}.")
        return x

    def layer(self, layer: nn.Module, x: str, prefix: str) -> str:
        """Append what a layer does to x, in evaluation mode."""
        match layer:
            case Residual():
                return self("Add", x, self.layers(layer, x, prefix))
            case Linear():
                bias = [] if layer.bias is None else [self.weight(f"{prefix}bias", layer.bias)]
                return self("Gemm", x, self.weight(f"{prefix}weight", layer.weight), *bias, transB=1)
            case BatchNorm1d() | LayerNorm() | RMSNorm():
                return self.normalization(layer, x, prefix)
            case Dropout() | Identity():
                return x
            case _:
                return self.activation(layer, x)

    def activation(self, layer: nn.Module, x: str) -> str:
        match layer:
            case Sigmoid():
                return self("Sigmoid", x)
            case Tanh():
                return self("Tanh", x)
            case ReLU():
                return self("Relu", x)
            case LeakyReLU(negative_slope=slope):
                return self("Where", self("Greater", x, 0.0), x, self("Mul", x, slope))
            case ELU(alpha=alpha):
                return self("Where", self("Greater", x, 0.0), x, self("Mul", self("Sub", self("Exp", x), 1.0), alpha))
            case GELU(approximate="none"):  # x (½ + ½ erf(x / √2))
                half = self("Mul", self("Erf", self("Mul", x, math.sqrt(0.5))), 0.5)
                return self("Mul", x, self("Add", half, 0.5))
            case GELU():  # x σ(2√(2/π) (x + 0.044715 x³)), and the bracket is x (1 + 0.044715 x²)
                bracket = self("Mul", x, self("Add", self("Mul", self("Mul", x, x), 0.044715), 1.0))
                return self("Mul", x, self("Sigmoid", self("Mul", bracket, 2 * math.sqrt(2 / math.pi))))
            case SiLU():
                return self("Mul", x, self("Sigmoid", x))
            case Softplus(beta=beta, threshold=threshold):  # log(1 + eᶻ) = max(z, 0) + log(1 + e^-|z|): no overflow
                z = self("Mul", x, beta)
                log = self("Log", self("Add", self("Exp", self("Neg", self("Abs", z))), 1.0))
                y = self("Div", self("Add", self("Relu", z), log), beta)
                return self("Where", self("Greater", z, threshold), x, y)
        raise TypeError(f"expected a layer of torchnet, got {type(layer).__name__}")

    def normalization(self, layer: BatchNorm1d | LayerNorm | RMSNorm, x: str, prefix: str) -> str:
        """Append y = γ (x - μ) / √(σ² + ε) + β; with RMSNorm μ and β are 0."""
        eps = torch.finfo(self.dtype).eps if layer.eps is None else layer.eps
        match layer:
            case BatchNorm1d():
                centered = self("Sub", x, self.weight(f"{prefix}running_mean", layer.running_mean))
                var = self.weight(f"{prefix}running_var", layer.running_var)
            case LayerNorm():
                centered = self("Sub", x, self.mean(x))
                var = self.mean(self("Mul", centered, centered))
            case RMSNorm():
                centered, var = x, self.mean(self("Mul", x, x))
        y = self("Div", centered, self("Sqrt", self("Add", var, eps)))
        y = self("Mul", y, self.weight(f"{prefix}weight", layer.weight))
        return y if isinstance(layer, RMSNorm) else self("Add", y, self.weight(f"{prefix}bias", layer.bias))

    def mean(self, x: str) -> str:
        """Append the mean over the features of each sample."""
        return self("ReduceMean", x, self.weight("features_axis", torch.tensor([1])), keepdims=1)

    def weight(self, name: str, tensor: Tensor) -> str:
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(tensor.numpy(), name)
        return name

    def __call__(self, operation: str, *inputs: str | float, **attributes: Any) -> str:
        """Append an operation, whose inputs are values or numbers; return the name of its output."""
        names = [
            it if isinstance(it, str) else self.weight(repr(it), torch.tensor(it, dtype=self.dtype)) for it in inputs
        ]
        output = f"{operation}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, names, [output], name=output, **attributes))
        return output
