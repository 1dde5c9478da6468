"""The user's own layers and networks, named as mylayers.SiLU. To import one is to run its code."""

import os
import sys
from importlib import import_module
from typing import Any

from torch import nn

from torchnet.layers.layer import Layer


def dotted_names(value: Any) -> list[str]:
    """Return those of one or several names, of activations or a network, that name a class of a module."""
    names = value if isinstance(value, list) else [value]
    return [name for name in names if isinstance(name, str) and "." in name]


def with_own_layers(activation: Any) -> Any:
    """Return one or several activations, in which dotted names are replaced by the classes, which are imported.

    Raises:
        ValueError: if one is not the name of a layer that is made without arguments.
    """
    if isinstance(activation, list):
        return [with_own_layers(name) for name in activation]
    return _own_layer(activation) if dotted_names(activation) else activation


def import_class(option: str, name: str, base: Any) -> Any:
    """Return the subclass of a class of torchnet that an option names, such as mylayers.SiLU. This runs its module.

    Raises:
        ValueError: if it cannot be imported, or is no such class.
    """
    module, _, attribute = name.rpartition(".")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # last: it may not shadow what is installed
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:  # whatever the module raises
        raise ValueError(
            f"{option}: expected a class, module.Class, that can be imported from here, got {name} "
            f"({type(error).__name__}: {error})"
        ) from error
    if not (isinstance(found, type) and issubclass(found, base)):
        hint = "write those of torchnet without a module, such as relu" if base is Layer else "derive it from that"
        raise ValueError(f"{option}: expected a subclass of torchnet.{base.__name__}, got {name}: {hint}")
    return found


def _own_layer(name: str) -> type[Layer]:
    found: type[Layer] = import_class("activation", name, Layer)
    try:
        found()
    except Exception as error:
        raise ValueError(
            f"activation: expected a layer that is made without arguments, got {name} ({error})"
        ) from error
    return found


_OF_TORCHNET = ("torchnet.layers.", "torchnet.network.")


def own_layers(net: nn.Module) -> dict[str, Layer]:
    """Return the layers that are not torchnet's but the user's own, one of each class, by dotted name."""
    layers = [part for part in net.modules() if isinstance(part, Layer)]
    named = {f"{type(layer).__module__}.{type(layer).__qualname__}": layer for layer in layers}
    return {name: layer for name, layer in named.items() if not name.startswith(_OF_TORCHNET)}


def expect_layers_of_torchnet(net: nn.Module) -> None:
    """Raise a ValueError if a layer is not torchnet's: no other program knows what it computes.

    A class of the user's own that is a sequence of torchnet's layers, with the forward pass of one, is known.
    """
    for name, layer in own_layers(net).items():
        is_sequence = isinstance(layer, nn.Sequential)
        if is_sequence and type(layer).forward.__module__.startswith(_OF_TORCHNET):
            continue
        what = "a network with a forward pass" if is_sequence else "a layer"
        raise ValueError(f"expected layers of torchnet, got {name}, {what} of your own that no other program knows")
