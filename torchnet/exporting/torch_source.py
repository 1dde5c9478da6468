"""A network as Python source that builds the same network from torch.nn."""

from collections.abc import Iterable
from textwrap import indent

import torch
from torch import nn

from torchnet import layers

# torchnet's layers have the class names of torch.nn, and store constructor arguments under torch.nn's names.
_ARGUMENTS: dict[type[nn.Module], tuple[str, ...]] = {
    layers.Linear: ("in_features", "out_features"),
    layers.Sigmoid: (),
    layers.Tanh: (),
    layers.ReLU: (),
    layers.SiLU: (),
    layers.Identity: (),
    layers.LeakyReLU: ("negative_slope",),
    layers.ELU: ("alpha",),
    layers.GELU: ("approximate",),
    layers.Softplus: ("beta", "threshold"),
    layers.BatchNorm1d: ("num_features", "eps", "momentum"),
    layers.LayerNorm: ("normalized_shape", "eps"),
    layers.RMSNorm: ("normalized_shape", "eps"),
    layers.Dropout: ("p",),
}
_POSITIONAL = ("in_features", "out_features", "num_features", "normalized_shape")
_RESIDUAL = """\
class Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


"""


def torch_source(net: nn.Sequential, load: str) -> str:
    """Return a program that builds a network from torch.nn, loads its weights and computes logits.

    Args:
        net: the network to export, built from torchnet's layers.
        load: the expression that loads the `state_dict`, such as 'torch.load("weights.pt")'. If it begins with
            load_file, the program imports load_file from safetensors.
    """
    has_residual = any(isinstance(layer, layers.Residual) for layer in net.modules())
    is_double = next(net.parameters()).dtype == torch.float64
    double, images = (".double()", "images.flatten(1).double()") if is_double else ("", "images.flatten(1)")
    imports = ["from safetensors.torch import load_file"] if load.startswith("load_file") else ["import torch"]
    return (
        "\n".join([*imports, "from torch import nn"])
        + ("\n\n\n" + _RESIDUAL if has_residual else "\n\n")
        + f"net = nn.Sequential(\n{_lines(net)}){double}\n"
        + f"net.load_state_dict({load})\n"
        + "net.eval()\n"
        + f"logits = net({images} / 255)  # images: (N, ...), pixels from 0 to 255\n"
    )


def _lines(net: Iterable[nn.Module]) -> str:
    return indent("".join(f"{_expression(layer)},\n" for layer in net), " " * 4)


def _expression(layer: nn.Module) -> str:
    if isinstance(layer, layers.Residual):
        return f"Residual(\n{_lines(layer)})"
    names = _ARGUMENTS[type(layer)]
    arguments = [("" if name in _POSITIONAL else f"{name}=") + repr(getattr(layer, name)) for name in names]
    if isinstance(layer, layers.Linear) and layer.bias is None:
        arguments.append("bias=False")
    return f"nn.{type(layer).__name__}({', '.join(arguments)})"
