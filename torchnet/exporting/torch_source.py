"""A network as Python source that builds the same network from torch.nn, and takes the same raw data."""

from collections.abc import Iterable
from inspect import signature
from textwrap import indent

import torch
from torch import nn

from torchnet import layers
from torchnet.data import Preprocessing
from torchnet.exporting.preprocessing_source import input_source, output_source

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
        ValueError: if a layer is not torchnet's.
    """
    layers.expect_layers_of_torchnet(net)
    has_residual = any(isinstance(layer, layers.Residual) for layer in net.modules())
    cast = ".double()" if next(net.parameters()).dtype == torch.float64 else ".float()"
    before, encoded = input_source(preprocessing.inputs, cast)
    after = output_source(preprocessing.targets, encoded)
    imports = ["from safetensors.torch import load_file"] if load.startswith("load_file") else []
    if not imports or "torch." in before + after:
        imports.insert(0, "import torch")
    return (
        "\n".join([*imports, "from torch import nn"])
        + ("\n\n\n" + _RESIDUAL if has_residual else "\n\n")
        + f"net = nn.Sequential(\n{_lines(net)}){'.double()' if cast == '.double()' else ''}\n"
        + f"net.load_state_dict({load})\n"
        + "net.eval()\n"
        + before
        + after
    )


def _lines(net: Iterable[nn.Module]) -> str:
    return indent("".join(f"{_expression(layer)},\n" for layer in net), " " * 4)


def _expression(layer: nn.Module) -> str:
    if isinstance(layer, layers.Residual):
        return f"Residual(\n{_lines(layer)})"
    # torchnet's layers have the class names of torch.nn, and store constructor arguments under torch.nn's names. Those
    # that are not stored change nothing, or are refused.
    name, arguments = type(layer).__name__, []
    of_torch = signature(getattr(nn, name)).parameters.keys() - {"bias", "dtype"}
    for parameter in signature(type(layer)).parameters.values():
        if parameter.name in of_torch and hasattr(layer, parameter.name):
            keyword = "" if parameter.default is parameter.empty else f"{parameter.name}="
            arguments.append(f"{keyword}{getattr(layer, parameter.name)!r}")
    if isinstance(layer, layers.Linear) and layer.bias is None:
        arguments.append("bias=False")
    return f"nn.{name}({', '.join(arguments)})"
