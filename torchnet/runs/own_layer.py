"""A layer of the user's own as an activation, by its dotted name, such as mylayers.SiLU. To import it runs its code."""

import os
import sys
from importlib import import_module
from typing import Any

from torchnet.choices import did_you_mean, nearest
from torchnet.layers import ACTIVATIONS, Layer
from torchnet.runs.errors import UsageError


class UntrustedLayerError(UsageError):
    """The configuration of a run names a layer of somebody's own, which only a trusted run may import."""


def dotted_names(activation: Any) -> list[str]:
    """Return those of one or several names of activations that name a class of a module."""
    names = activation if isinstance(activation, list) else [activation]
    return [name for name in names if isinstance(name, str) and "." in name]


def with_own_layers(activation: Any) -> Any:
    """Return one or several activations, in which dotted names are replaced by the classes, which are imported.

    Raises:
        UsageError: if one is not the name of a layer that is made without arguments.
    """
    if isinstance(activation, list):
        return [with_own_layers(name) for name in activation]
    return _own_layer(activation) if dotted_names(activation) else activation


def _own_layer(name: str) -> type[Layer]:
    module, _, attribute = name.rpartition(".")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # last: it may not shadow what is installed
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:  # whatever the module raises
        raise UsageError(
            f"activation: expected a layer, module.Class, that can be imported from here, got {name} "
            f"({type(error).__name__}: {error})"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Layer)):
        hint = did_you_mean(nearest(attribute, ACTIVATIONS))
        raise UsageError(f"activation: expected a subclass of torchnet.Layer, got {name}{hint}")
    try:
        found()
    except Exception as error:
        raise UsageError(
            f"activation: expected a layer that is made without arguments, got {name} ({error})"
        ) from error
    return found
