"""A network as an ONNX graph, which ONNX Runtime and many other programs run.

The graph consists of elementary operations: the equations of the layers' forward passes in evaluation mode. ONNX also
has an operation for most layers, but stores their constants (α, β, ε) in float32, and ONNX Runtime implements many of
them for float32 only. Elementary operations support float64, and all numbers have the dtype of the weights.
"""

import math
from collections.abc import Mapping
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from torchnet import layers

IMAGES, LOGITS = "images", "logits"  # the names of the input and the output
_TYPES = {torch.float32: TensorProto.FLOAT, torch.float64: TensorProto.DOUBLE}
_OPSET, _IR = 18, 8  # versions of the operations and of the format: those of ONNX Runtime 1.14, from 2023
_MOST_BYTES = 2**31 - 2**20  # an ONNX file has less than 2 GiB; 1 MiB is left for the graph itself


def onnx_model(net: nn.Sequential, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """Return a model that maps "images", (N, I) pixels scaled to 0..1, to "logits", (N, C), for any N.

    The weights are named as in the `state_dict`.

    Args:
        net: the network to export. It begins and ends with a Linear layer.
        metadata: text to store in the model.

    Raises:
        ValueError: if the weights are too large for an ONNX file, ONNX Runtime lacks an operation, or a layer is not
            torchnet's.
    """
    layers.expect_layers_of_torchnet(net)
    weights = net.state_dict()
    linears = [layer for layer in net.modules() if isinstance(layer, layers.Linear)]
    dtype = linears[0].weight.dtype
    size = sum(weight.nbytes for weight in weights.values())
    if size > _MOST_BYTES:
        raise ValueError(f"expected weights of less than 2 GiB, the limit of an .onnx file, got {size} bytes")
    gelus = [layer for layer in net.modules() if isinstance(layer, layers.GELU)]
    if dtype == torch.float64 and any(layer.approximate == "none" for layer in gelus):
        raise ValueError("expected no exact GELU in a float64 network: ONNX Runtime has no float64 error function")
    graph = _Graph(dtype)
    graph.sequence(net, IMAGES, "")
    graph.nodes[-1].output[0] = LOGITS
    inputs = [helper.make_tensor_value_info(IMAGES, _TYPES[dtype], ["N", linears[0].in_features])]
    outputs = [helper.make_tensor_value_info(LOGITS, _TYPES[dtype], ["N", linears[-1].out_features])]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "MLP", inputs, outputs, [*graph.initializers.values()]),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
        producer_name="torchnet",
    )
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    return model


class _Graph:
    """Operations in order of execution. Values are identified by name: `x` and all returned strings are names."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}

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
