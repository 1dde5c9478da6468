"""A network from the options that describe it in a configuration: its kind, and what each kind can have."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from torchnet.choices import expect_one_of
from torchnet.layers import dotted_names, import_class, with_own_layers
from torchnet.network.convnet import ConvNet
from torchnet.network.mlp import MLP, layer_sizes
from torchnet.network.network import Network

NETWORKS: dict[str, dict[str, Any]] = {  # the options of each kind of network, and their defaults
    "mlp": {
        "hidden_sizes": [64, 64],
        "depth": None,
        "activation": "sigmoid",
        "initializer": "he_normal",
        "normalization": None,
        "dropout": 0.0,
        "residual": False,
    },
    "convnet": {
        "widths": [32, 64],
        "blocks": 1,
        "pooling": "max",
        "head": "average",
        "activation": "relu",
        "initializer": "he_normal",
        "dropout": 0.0,
    },
}
OPTIONS = tuple(dict.fromkeys(name for options in NETWORKS.values() for name in options))
_WITHOUT = (None, 0)  # values of an option that is left out; False is 0


def network_options(network: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a kind of network: those given that are not None, and the defaults of the others.

    Args:
        network: mlp, convnet, or the name of a class such as mynets.Net, which has no options.
        given: values by name, among `OPTIONS`.

    Raises:
        ValueError: if there is no such kind, or it has no such option.
    """
    if not dotted_names(network):
        expect_one_of("network", network, NETWORKS)
    defaults = NETWORKS.get(network, {})
    for name, value in given.items():
        if name not in defaults and value not in _WITHOUT:
            owners = " or ".join(kind for kind, options in NETWORKS.items() if name in options)
            raise ValueError(
                f"{name}: network {network} has no such option, got {value}: leave it out, or set it to null if the "
                f"configuration has it, or use {owners}"
            )
    return defaults | {name: it for name, it in given.items() if name in defaults and it is not None}


def build_network(
    network: str,
    input_shape: Sequence[int],
    num_classes: int,
    options: Mapping[str, Any],
    *,
    seed: int | None = 0,
    dtype: torch.dtype | None = None,
    matmul_dtype: torch.dtype | None = None,
) -> Network:
    """Return a network with its initial weights.

    Args:
        network: mlp, convnet, or the name of a class such as mynets.Net: a subclass of Network, which is imported.
        input_shape: the shape of a sample: (channels, height, width), or (features,).
        num_classes: the number of outputs.
        options: the result of `network_options`.
        seed: of the weights and the dropout masks; None if the weights are loaded later, on torch's default device.
        dtype: of the weights.
        matmul_dtype: the dtype to which the operands of products are rounded.

    Raises:
        ValueError: if the options, or the class, are not those of a network for these samples.
    """
    if network not in NETWORKS:
        return _own_network(network, input_shape, num_classes, seed or 0, dtype, matmul_dtype)
    arguments = {name: it for name, it in options.items() if name not in ("hidden_sizes", "depth")}
    arguments |= {
        "activation": with_own_layers(options["activation"]),
        "generator": None if seed is None else torch.Generator().manual_seed(seed),
    }
    arguments |= {"seed": seed or 0, "dtype": dtype, "matmul_dtype": matmul_dtype}
    if network == "mlp":
        in_features = torch.Size(input_shape).numel()
        return MLP(layer_sizes(in_features, options["hidden_sizes"], num_classes, options["depth"]), **arguments)
    return ConvNet(input_shape, num_classes, **arguments)


def _own_network(
    name: str,
    input_shape: Sequence[int],
    num_classes: int,
    seed: int,
    dtype: torch.dtype | None,
    matmul_dtype: torch.dtype | None,
) -> Network:
    """Return a network of the user's own, whose outputs have the right shape."""
    made = import_class("network", name, Network)
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(seed)
        try:
            net: Network = made(tuple(input_shape), num_classes).to(dtype)
        except Exception as error:  # whatever it raises
            raise ValueError(
                f"network: expected a class that is made as {name}(input_shape, num_classes), got an error for "
                f"input_shape {tuple(input_shape)} and {num_classes} classes: {error}"
            ) from error
    if net.input_shape is None:
        net.input_shape = tuple(input_shape)
    for part in net.modules():  # the network is one of them
        if hasattr(part, "matmul_dtype"):
            part.matmul_dtype = matmul_dtype  # type: ignore[assignment]  # no parameter or module
    _expect_logits(net.eval(), name, torch.zeros((2, *input_shape), dtype=dtype), num_classes)
    return net.train()


def _expect_logits(net: Network, name: str, samples: Tensor, num_classes: int) -> None:
    try:
        shape = tuple(net(samples).shape)
    except Exception as error:
        raise ValueError(f"network: {name} fails with samples of shape {tuple(samples.shape)}: {error}") from error
    if shape != (len(samples), num_classes):
        raise ValueError(
            f"network: expected {name} to return logits of shape (N, {num_classes}), got {shape} for "
            f"{len(samples)} samples: the last layer must have {num_classes} outputs"
        )
