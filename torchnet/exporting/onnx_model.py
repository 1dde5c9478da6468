"""A network with its preprocessing as an ONNX model, which ONNX Runtime and many other programs run on raw data."""

from collections.abc import Mapping, Sequence

import onnx
import torch
from onnx import TensorProto, helper
from torch import nn

from torchnet import layers
from torchnet.data import CategoricalColumn, Classes, NumericColumn, Pixels, Preprocessing, Quantities, Table
from torchnet.exporting.arrangement import arrangement
from torchnet.exporting.exportable import expect_exportable
from torchnet.exporting.onnx_graph import Graph
from torchnet.exporting.onnx_layers import append_network

IMAGES, ROWS = "images", "rows"  # the names of inputs; the columns of a table have their own
LOGITS, PROBABILITIES, QUANTITIES = "logits", "probabilities", "quantities"  # the names of outputs
# Versions of the operations and of the format: those of ONNX Runtime 1.14, from 2023.
_OPSETS, _IR = {"": 18, "ai.onnx.ml": 3}, 8
_MOST_BYTES = 2**31 - 2**20  # an ONNX file has less than 2 GiB; 1 MiB is left for the graph itself


def onnx_model(net: nn.Sequential, preprocessing: Preprocessing, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """Return a model from raw data to "logits" and "probabilities", (N, C), or to "quantities", (N, K), for any N.

    Its inputs are "images", (N, ...): uint8, or the dtype of the weights for pixels of another range than 0..255; or
    "rows", (N, features) float64; or one input per column of a table, (N, 1) float64 or text. A missing number is NaN,
    a missing category the empty text. The weights are named as in the `state_dict`.

    Args:
        net: the network to export.
        preprocessing: its preprocessing.
        metadata: text to store in the model.

    Raises:
        ValueError: if the weights are too large for an ONNX file, ONNX Runtime lacks an operation, or a column has a
            name that is taken.
    """
    _check_limits(net)
    expect_exportable(net)
    graph = Graph(next(net.parameters()).dtype)
    inputs = preprocessing.inputs
    x = _pixels(graph, inputs) if isinstance(inputs, Pixels) else _table(graph, inputs)
    x, shape = _arranged(graph, x, net, inputs)
    append_network(graph, net, x, shape)
    outputs = _outputs(graph, preprocessing.targets)
    _check_names(graph, outputs)
    model = helper.make_model(
        helper.make_graph(graph.nodes, type(net).__name__, graph.inputs, outputs, [*graph.initializers.values()]),
        opset_imports=[helper.make_opsetid(*it) for it in _OPSETS.items()],
        ir_version=_IR,
        producer_name="torchnet",
    )
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    return model


def _check_limits(net: nn.Sequential) -> None:
    size = sum(weight.nbytes for weight in net.state_dict().values())
    if size > _MOST_BYTES:
        raise ValueError(f"expected weights of less than 2 GiB, the limit of an .onnx file, got {size} bytes")
    gelus = [layer for layer in net.modules() if isinstance(layer, layers.GELU) and layer.approximate == "none"]
    if gelus and next(net.parameters()).dtype == torch.float64:
        raise ValueError("expected no exact GELU in a float64 network: ONNX Runtime has no float64 error function")


def _check_names(graph: Graph, outputs: Sequence[onnx.ValueInfoProto]) -> None:
    """Raise for a column whose name something else has: a graph identifies all by name."""
    taken = {*graph.initializers, *(name for node in graph.nodes for name in node.output), *(it.name for it in outputs)}
    if found := taken.intersection(it.name for it in graph.inputs):
        raise ValueError(f"expected another name of a column than {found.pop()}, which the graph uses itself")


def _pixels(graph: Graph, inputs: Pixels) -> str:
    """Append (x - low) / (high - low); bytes are scaled in the dtype of the weights, as in training."""
    if inputs.is_scaled_in_steps:
        images = graph.input(IMAGES, TensorProto.UINT8, inputs.shape)
        x = graph("Div", graph.cast(images, graph.type), 255.0)
    else:
        images = graph.cast(graph.input(IMAGES, graph.type, inputs.shape), TensorProto.DOUBLE)
        distance = graph("Sub", images, graph.double("preprocessing.low", [inputs.low]))
        x = graph.cast(
            graph("Div", distance, graph.double("preprocessing.range", [inputs.high - inputs.low])), graph.type
        )
    return x


def _arranged(graph: Graph, x: str, net: nn.Module, inputs: Pixels | Table) -> tuple[str, tuple[int, ...]]:
    """Append what brings samples into the shape that the first layer takes; return them and the shape."""
    step, shape = arrangement(net, inputs.shape)
    if step == "channels first":
        return graph("Transpose", x, perm=[0, 3, 1, 2]), shape
    return x if step == "none" else graph.reshape(x, *shape), shape


def _table(graph: Graph, inputs: Table) -> str:
    numbers = [column for column in inputs.columns if isinstance(column, NumericColumn)]
    if inputs.is_array:
        return _numbers(graph, graph.input(ROWS, TensorProto.DOUBLE, [len(numbers)]), ROWS, numbers)
    parts = [
        _numbers(graph, graph.input(it.name, TensorProto.DOUBLE, [1]), it.name, [it])
        if isinstance(it, NumericColumn)
        else _one_hot(graph, it)
        for it in inputs.columns
    ]
    return graph("Concat", *parts, axis=1)


def _numbers(graph: Graph, values: str, name: str, columns: Sequence[NumericColumn]) -> str:
    """Append (x - mean) / std of values (N, columns), which treat missing values alike."""
    means = graph.double(f"{name}.mean", [column.mean for column in columns])
    stds = graph.double(f"{name}.std", [column.std for column in columns])
    x = graph("Div", graph("Sub", values, means), stds)
    if columns[0].missing != "refuse":  # else NaN stays NaN
        x = graph("Where", graph("IsNaN", values), graph.double("preprocessing.zero", 0.0), x)
    x = graph.cast(x, graph.type)
    if columns[0].missing == "indicator":  # each number is followed by its indicator
        last = graph.weight("last_axis", torch.tensor([2]))
        indicator = graph.cast(graph("IsNaN", values), graph.type)
        both = graph("Concat", graph("Unsqueeze", x, last), graph("Unsqueeze", indicator, last), axis=2)
        x = graph("Flatten", both, axis=1)
    return x


def _one_hot(graph: Graph, column: CategoricalColumn) -> str:
    values = graph.input(column.name, TensorProto.STRING, [1])
    encoded = graph("OneHotEncoder", values, domain="ai.onnx.ml", cats_strings=column.categories, zeros=1)
    return graph.cast(graph("Flatten", encoded, axis=1), graph.type)


def _outputs(graph: Graph, targets: Classes | Quantities) -> list[onnx.ValueInfoProto]:
    """Append what follows the last layer; return the declarations of the outputs."""
    if isinstance(targets, Classes):
        graph.rename_last(LOGITS)
        graph("Softmax", LOGITS, axis=1)
        graph.rename_last(PROBABILITIES)
        declared = [(LOGITS, graph.type), (PROBABILITIES, graph.type)]
    else:
        outputs = graph.cast(graph.nodes[-1].output[0], TensorProto.DOUBLE)
        graph(
            "Add",
            graph("Mul", outputs, graph.double("preprocessing.stds", targets.stds)),
            graph.double("preprocessing.means", targets.means),
        )
        graph.rename_last(QUANTITIES)
        declared = [(QUANTITIES, TensorProto.DOUBLE)]
    return [helper.make_tensor_value_info(name, type, ["N", targets.width]) for name, type in declared]
