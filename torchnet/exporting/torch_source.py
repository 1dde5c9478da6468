"""A network as the few lines of Python that build the same one from torch.nn."""

from collections.abc import Iterable
from textwrap import indent

import torch
from torch import nn

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

# The layers have the names of torch.nn's, and keep the arguments of their constructors under torch.nn's names.
_ARGUMENTS: dict[type[nn.Module], tuple[str, ...]] = {
    Linear: ("in_features", "out_features"),
    Sigmoid: (),
    Tanh: (),
    ReLU: (),
    LeakyReLU: ("negative_slope",),
    ELU: ("alpha",),
    GELU: ("approximate",),
    SiLU: (),
    Softplus: ("beta", "threshold"),
    Identity: (),
    BatchNorm1d: ("num_features", "eps", "momentum"),
    LayerNorm: ("normalized_shape", "eps"),
    RMSNorm: ("normalized_shape", "eps"),
    Dropout: ("p",),
}
_WIDTHS = ("in_features", "out_features", "num_features", "normalized_shape")  # which need not be named
_RESIDUAL = """\
class Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


"""


def torch_source(net: nn.Sequential, load: str) -> str:
    """Return a program that builds a network from torch.nn, loads its weights and computes logits.

    Args:
        net: the network, of layers of torchnet.
        load: the expression that the program loads the `state_dict` with, such as 'torch.load("weights.pt")'; one that
            begins with load_file, of safetensors, has its import, too.
    """
    layers = _layers(net)
    has_residual = any(isinstance(layer, Residual) for layer in net.modules())
    is_double = next(net.parameters()).dtype == torch.float64
    double, images = (".double()", "images.flatten(1).double()") if is_double else ("", "images.flatten(1)")
    imports = ["from safetensors.torch import load_file"] if load.startswith("load_file") else ["import torch"]
    return (
        "\n".join([*imports, "from torch import nn"])
        + ("\n\n\n" + _RESIDUAL if has_residual else "\n\n")
        + f"net = nn.Sequential(\n{layers}){double}\n"
        + f"net.load_state_dict({load})\n"
        + "net.eval()\n"
        + f"logits = net({images} / 255)  # of images (N, ...) with pixels from 0 to 255\n"
    )


def _layers(layers: Iterable[nn.Module]) -> str:
    return indent("".join(f"{_expression(layer)},\n" for layer in layers), " " * 4)


def _expression(layer: nn.Module) -> str:
    if isinstance(layer, Residual):
        return f"Residual(\n{_layers(layer)})"
    names = _ARGUMENTS[type(layer)]
    arguments = [("" if name in _WIDTHS else f"{name}=") + repr(getattr(layer, name)) for name in names]
    if isinstance(layer, Linear) and layer.bias is None:
        arguments.append("bias=False")
    return f"nn.{type(layer).__name__}({', '.join(arguments)})"
