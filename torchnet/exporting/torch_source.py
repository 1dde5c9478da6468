"""A network as Python source that builds the same network from torch.nn, and takes the same raw data."""

from inspect import signature
from textwrap import indent
from typing import Any

import torch
from torch import nn

from torchnet import layers
from torchnet.data import Preprocessing
from torchnet.exporting.arrangement import arrangement
from torchnet.exporting.exportable import expect_exportable
from torchnet.exporting.preprocessing_source import input_source, output_source

_OF_TENSORS = {"device", "dtype", "init"}  # the program loads the values of weights, and casts the whole network
_RESIDUAL = """\
class Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


"""


def torch_source(net: nn.Sequential, preprocessing: Preprocessing, load: str) -> str:
    """Return a program that builds a network from torch.nn, loads its weights and computes its outputs for raw data.

    The data are `images`, a tensor, or `rows`, a tensor or a dict of columns. The outputs are `logits` and `labels`, or
    `quantities`.

    Args:
        net: the network to export, built from torchnet's layers.
        preprocessing: its preprocessing.
        load: the expression that loads the `state_dict`, such as 'torch.load("weights.pt")'. If it begins with
            load_file, the program imports load_file from safetensors.

    Raises:
        ValueError: if a layer cannot be exported.
    """
    expect_exportable(net)
    built = "nn.Sequential(\n" + _arguments(net) + ")"
    has_residual = any(isinstance(layer, layers.Residual) for layer in net.modules())
    cast = ".double()" if next(net.parameters()).dtype == torch.float64 else ".float()"
    before, encoded = input_source(preprocessing.inputs, arrangement(net, preprocessing.inputs.shape), cast)
    after = output_source(preprocessing.targets, encoded)
    imports = ["from safetensors.torch import load_file"] if load.startswith("load_file") else []
    if not imports or "torch." in before + after:
        imports.insert(0, "import torch")
    if "OrderedDict" in built:
        imports.insert(0, "from collections import OrderedDict\n")
    return (
        "\n".join([*imports, "from torch import nn"])
        + ("\n\n\n" + _RESIDUAL if has_residual else "\n\n")
        + f"net = {built}{'.double()' if cast == '.double()' else ''}\n"
        + f"net.load_state_dict({load})\n"
        + "net.eval()\n"
        + before
        + after
    )


def _arguments(net: nn.Sequential) -> str:
    """Return the layers of a sequence, one a line, with their names unless these are numbers from 0 up."""
    expressions = {name: _expression(layer) for name, layer in net._modules.items()}
    if [*expressions] == [str(number) for number in range(len(expressions))]:
        return indent("".join(f"{it},\n" for it in expressions.values()), " " * 4)
    pairs = "".join(f"({name!r}, {it}),\n" for name, it in expressions.items())
    return f"    OrderedDict([\n{indent(pairs, ' ' * 8)}    ])\n"


def _expression(layer: nn.Module | None) -> str:
    if isinstance(layer, nn.Sequential):
        return f"{'Residual' if isinstance(layer, layers.Residual) else 'nn.Sequential'}(\n{_arguments(layer)})"
    # torchnet's layers have the class names of torch.nn, and store constructor arguments under torch.nn's names.
    name, of_torch = type(layer).__name__, signature(getattr(nn, type(layer).__name__)).parameters
    arguments = []
    for parameter in signature(type(layer)).parameters.values():
        is_any = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)  # of Identity
        if is_any or parameter.name not in of_torch or parameter.name in _OF_TENSORS:
            continue
        # A layer does not store an argument that it refuses.
        value = _value(layer, parameter.name) if hasattr(layer, parameter.name) else parameter.default
        if parameter.default is parameter.empty:
            arguments.append(repr(value))
        elif value != of_torch[parameter.name].default:
            arguments.append(f"{parameter.name}={value!r}")
    return f"nn.{name}({', '.join(arguments)})"


def _value(layer: Any, argument: str) -> Any:
    """Return the value of a constructor argument, in its shortest form."""
    value = getattr(layer, argument)
    if argument == "bias":
        return value is not None
    if argument == "stride" and "Pool" in type(layer).__name__ and value == layer.kernel_size:
        return None  # the default of poolings
    is_size = isinstance(value, tuple) and argument != "normalized_shape"
    return value[0] if is_size and len({*value}) == 1 else value
