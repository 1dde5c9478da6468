"""The network that a configuration describes, held against stored weights before anything is allocated.

Stored weights bound the size of the network: a configuration of a billion layers is refused at once.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from torchnet.data import Preprocessing
from torchnet.layers import dotted_names
from torchnet.network import OPTIONS, Network, build_network, network_options
from torchnet.runs.errors import UsageError
from torchnet.storage import CheckpointError

DTYPES = {"float32": torch.float32, "float64": torch.float64}


class UntrustedLayerError(UsageError):
    """The configuration of a run names a class of somebody's own, which only a trusted run may import."""


def network_of(
    model_options: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    preprocessing: Preprocessing,
    place: Path,
    trust: bool,
) -> Network:
    """Return the network that options describe, in evaluation mode, with these weights.

    Args:
        model_options: the options under model of a configuration, which `expect_described` has seen.
        weights: weights and buffers, by name.
        preprocessing: its inputs and targets have the sizes of the first and the last layer.
        place: the file that has the options, for error messages.
        trust: whether a class that is not torchnet's may be imported, which runs its code.

    Raises:
        UntrustedLayerError: if there is such a class, and it may not.
        KeyError, TypeError, ValueError: if the options are not those of a network.
        RuntimeError: if the weights are not those of this network.
    """
    for option, what in (("network", "network"), ("activation", "layer")):
        for name in () if trust else dotted_names(model_options.get(option)):
            raise UntrustedLayerError(
                f"{place}: model.{option}: {name} is a {what} of somebody's own, and to import it runs their code: if "
                "you trust them, add --trust-run"
            )
    net = _built(model_options, preprocessing.inputs.input_shape, preprocessing.targets.width)
    net.load_state_dict(weights)
    return net.eval()


def expect_described(
    place: Path, weights: Mapping[str, Tensor], model_options: Mapping[str, Any], preprocessing: Preprocessing | None
) -> Preprocessing:
    """Expect weights of the network that options describe; return the preprocessing of its samples.

    Nothing that the options name is imported. The weights of a network of the user's own are known to its class only.

    Args:
        place: the file that has the weights, for error messages.
        weights: weights and buffers, by name.
        model_options: the options under model of a configuration.
        preprocessing: that which is stored beside the weights; None if they are from before it was stored.

    Raises:
        CheckpointError: if there are no weights, or those of another network.
        KeyError, TypeError, ValueError: if the options are not those of a network.
    """
    network = model_options.get("network", "mlp")
    if network == "mlp":
        widths = expect_widths(place, weights, model_options)
        return preprocessing or Preprocessing.of_digits(widths[0], widths[-1])
    if preprocessing is None:
        raise CheckpointError(
            f"{place}: expected the preprocessing of the images of a {network}, got none: train again"
        )
    if not dotted_names(network):
        _expect_shapes(place, weights, model_options, preprocessing)
    return preprocessing


def expect_widths(place: Path, weights: Mapping[str, Tensor], model_options: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the widths of the MLP that has these weights, if options describe a network of these widths.

    Args:
        place: the file that has the weights, for error messages.
        weights: weights and buffers, by name, from the first layer to the last.
        model_options: the options hidden_sizes and depth of a configuration.

    Raises:
        CheckpointError: if there are no weights, or those of another network.
        KeyError, TypeError: if hidden_sizes is missing or not one or several whole numbers.
    """
    shapes = [it.shape for name, it in weights.items() if name.endswith("weight") and it.dim() == 2]
    if not shapes:
        raise CheckpointError(f"{place}: expected a checkpoint of a run, got one without weights")
    widths = (shapes[0][1], *(shape[0] for shape in shapes))
    hidden, depth = model_options["hidden_sizes"], model_options.get("depth")
    if not all(isinstance(size, int) for size in (hidden if isinstance(hidden, list | tuple) else [hidden])):
        raise TypeError(f"hidden_sizes: expected one or several whole numbers, got {hidden!r:.100}")
    is_one = isinstance(hidden, int)
    if (
        any(inputs != outputs for (_, inputs), outputs in zip(shapes, widths, strict=False))
        or depth not in ((len(shapes),) if is_one else (len(shapes), None))
        or [*widths[1:-1]] != ([hidden] * (len(shapes) - 1) if is_one else [*hidden])
    ):
        described = f"hidden_sizes {hidden!s:.100}" + ("" if depth is None else f" and depth {depth}")
        raise CheckpointError(
            f"{place}: belongs to another network than the configuration describes: its widths are "
            f"{'-'.join(map(str, widths)):.100}, but {described} are configured: use the options of its run"
        )
    return widths


def expect_fitting(
    place: Path, weights: Mapping[str, Tensor], model_options: Mapping[str, Any], preprocessing: Preprocessing
) -> None:
    """Raise a CheckpointError if a preprocessing belongs to an MLP of other widths. Others are built for theirs."""
    if model_options.get("network", "mlp") != "mlp":
        return
    shapes = [it.shape for name, it in weights.items() if name.endswith("weight") and it.dim() == 2]
    widths = shapes[0][1], shapes[-1][0]
    if (preprocessing.inputs.in_features, preprocessing.targets.width) != widths:
        raise CheckpointError(
            f"{place}: expected a preprocessing for {widths[0]} inputs and {widths[1]} outputs, got one for "
            f"{preprocessing.inputs.in_features} and {preprocessing.targets.width}: train again"
        )


def _expect_shapes(
    place: Path, weights: Mapping[str, Tensor], model_options: Mapping[str, Any], preprocessing: Preprocessing
) -> None:
    """Raise a CheckpointError unless the weights have the shapes of the network, which is built without memory."""
    options = dict(model_options)
    if dotted_names(options.get("activation")):
        options["activation"] = "identity"  # the weights of the own one, if any, are compared when they are loaded
    try:
        with torch.device("meta"):
            net = _built(options, preprocessing.inputs.input_shape, preprocessing.targets.width)
    except (RuntimeError, OverflowError, TypeError) as error:  # more elements than torch can count
        raise ValueError(f"the network is too large: {' '.join(str(error).split())[:100]}") from error
    for name, tensor in net.state_dict().items():
        stored = weights.get(name)
        if stored is None or stored.shape != tensor.shape:
            found = "missing" if stored is None else f"of shape {tuple(stored.shape)}"
            raise CheckpointError(
                f"{place}: belongs to another network than the configuration describes: {name} is {found}, but "
                f"{tuple(tensor.shape)} is configured: use the options of its run"
            )


def _built(model_options: Mapping[str, Any], input_shape: tuple[int, ...], num_classes: int) -> Network:
    """Return a network before its weights are loaded."""
    network, given = model_options.get("network", "mlp"), {name: model_options.get(name) for name in OPTIONS}
    options, dtype = network_options(network, given), DTYPES[model_options.get("dtype", "float32")]
    options |= {"initializer": "zeros"} if "initializer" in options else {}
    return build_network(network, input_shape, num_classes, options, seed=None, dtype=dtype)
