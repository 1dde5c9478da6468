"""An ONNX graph while it is built: operations, inputs, weights and constants."""

from collections.abc import Sequence
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

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

    def cast(self, x: str, type: int) -> str:
        return self("Cast", x, to=type)

    def double(self, name: str, values: float | Sequence[float]) -> str:
        """Return a float64 constant, for the preprocessing."""
        return self.weight(name, torch.tensor(values, dtype=torch.float64))

    def integers(self, *values: int) -> str:
        """Return a constant of axes or sizes."""
        return self.weight(f"integers {' '.join(map(str, values))}", torch.tensor(values))

    def constant(self, values: Tensor) -> str:
        """Return a constant with a name of its own."""
        return self.weight(f"constant_{len(self.initializers)}", values)

    def weight(self, name: str, tensor: Tensor) -> str:
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(tensor.numpy(), name)
        return name

    def reshape(self, x: str, *shape: int) -> str:
        """Append a reshape of each sample, (N, ...) -> (N, *shape)."""
        return self("Reshape", x, self.integers(-1, *shape))

    def rename_last(self, name: str) -> None:
        """Rename the output of the last operation."""
        self.nodes[-1].output[0] = name

    def __call__(self, operation: str, *inputs: str | float, **attributes: Any) -> str:
        """Append an operation on values and constants; return the name of its output."""
        names = [
            it if isinstance(it, str) else self.weight(repr(it), torch.tensor(it, dtype=self.dtype)) for it in inputs
        ]
        output = f"{operation}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, names, [output], name=output, **attributes))
        return output
