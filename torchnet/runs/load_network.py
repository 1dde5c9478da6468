"""The trained network of a run, from its checkpoint and its configuration, without data or a Trainer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from torchnet.data import DataError, Preprocessing
from torchnet.layers import dotted_names, with_own_layers
from torchnet.network import MLP
from torchnet.printable import printable
from torchnet.runs.config import read_config
from torchnet.runs.errors import UsageError
from torchnet.runs.folders import CONFIG, run_of
from torchnet.storage import CheckpointError, read_checkpoint

DTYPES = {"float32": torch.float32, "float64": torch.float64}
_MAX_NAME = 64  # characters
OPTIONS = ("activation", "normalization", "dropout", "residual")  # arguments of MLP in a configuration


class UntrustedLayerError(UsageError):
    """The configuration of a run names a layer of somebody's own, which only a trusted run may import."""


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network and where it comes from."""

    net: MLP  # in evaluation mode, on the CPU; the moving average of the weights if the run kept one
    config: dict[str, Any]
    checkpoint: Path
    steps: int  # completed steps of training
    preprocessing: Preprocessing

    @property
    def name(self) -> str:
        """The name of the run."""
        return printable(self.config.get("name", "default"))[:_MAX_NAME]

    @property
    def in_features(self) -> int:
        """The number of inputs."""
        return int(next(self.net.parameters()).shape[1])


def load_network(checkpoint: Path, contents: dict[str, Any] | None = None, trust: bool = False) -> TrainedNetwork:
    """Build the network of a run and load the weights of one of its checkpoints.

    Args:
        checkpoint: the file.
        contents: its contents, if it was read already.
        trust: whether a layer that is not torchnet's may be imported, which runs its code.

    Raises:
        UntrustedLayerError: if there is such a layer, and it may not.
        CheckpointError: if the checkpoint cannot be used, or its weights do not fit the configuration.
        DataError: if the configuration of the run is invalid, or that of another network; UsageError: if there is none.
    """
    contents = contents or read_checkpoint(checkpoint)
    path = run_of(checkpoint) / CONFIG
    if not path.is_file():
        raise UsageError(f"{path}: expected the configuration of the run of {checkpoint}, found no file")
    config, sizes = read_config_of(checkpoint, contents)
    try:
        net = network_of(sizes, config["model"], path, trust)
    except UsageError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: expected the options of a network under model ({error})") from error
    try:
        net.load_state_dict(trained_weights(contents))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{checkpoint}: belongs to another network than {path} describes: {reason}") from error
    steps = contents.get("global_step", 0)
    if not isinstance(steps, int) or not 0 <= steps < 2**63:
        raise CheckpointError(f"{checkpoint}: expected a number of steps as global_step, got something else")
    preprocessing = saved_preprocessing(checkpoint, contents) or Preprocessing.of_digits(sizes[0], sizes[-1])
    expect_fitting(checkpoint, preprocessing, sizes)
    return TrainedNetwork(net.eval(), config, checkpoint, steps, preprocessing)


def network_of(sizes: Sequence[int], model_options: Mapping[str, Any], place: Path, trust: bool) -> MLP:
    """Return a network without its weights, from the options of a configuration.

    Args:
        sizes: its widths.
        model_options: the options.
        place: the file that has them, for error messages.
        trust: whether a layer that is not torchnet's may be imported, which runs its code.

    Raises:
        UntrustedLayerError: if there is such a layer, and it may not.
        KeyError, TypeError, ValueError: if the options are not those of a network.
    """
    options = {name: model_options[name] for name in OPTIONS if name in model_options}
    for name in () if trust else dotted_names(options.get("activation")):
        raise UntrustedLayerError(
            f"{place}: model.activation: {name} is a layer of somebody's own, and to import it runs their code: if you "
            "trust them, add --trust-run"
        )
    if "activation" in options:
        options["activation"] = with_own_layers(options["activation"])
    return MLP(sizes, initializer="zeros", dtype=DTYPES[model_options.get("dtype", "float32")], **options)


def expect_fitting(place: Path, preprocessing: Preprocessing, sizes: Sequence[int]) -> None:
    """Raise a CheckpointError if a preprocessing belongs to a network of other widths."""
    if (preprocessing.inputs.in_features, preprocessing.targets.width) != (sizes[0], sizes[-1]):
        raise CheckpointError(
            f"{place}: expected a preprocessing for {sizes[0]} inputs and {sizes[-1]} outputs, got one for "
            f"{preprocessing.inputs.in_features} and {preprocessing.targets.width}: train again"
        )


def saved_preprocessing(checkpoint: Path, contents: dict[str, Any]) -> Preprocessing | None:
    """Return the preprocessing in a checkpoint; None if the checkpoint is from before there was one.

    Raises:
        CheckpointError: if it holds something else.
    """
    ours = contents.get("torchnet")
    if not isinstance(ours, dict) or "preprocessing" not in ours:
        return None
    try:
        return Preprocessing.from_dict(ours["preprocessing"])
    except ValueError as error:
        raise CheckpointError(f"{checkpoint}: preprocessing: {error}: train again") from error


def read_config_of(checkpoint: Path, contents: dict[str, Any]) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Return the configuration beside a checkpoint, and the widths of the network that both describe.

    Raises:
        CheckpointError: if the checkpoint has no weights.
        DataError: if config.yaml is invalid, or describes another network than the checkpoint holds.
    """
    path = run_of(checkpoint) / CONFIG
    config = read_config(path)
    try:
        return config, expect_widths(checkpoint, contents, config["model"])
    except CheckpointError as error:
        if not trained_weights(contents):
            raise
        raise DataError(f"{path}: {error}") from error
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: expected the options of a network under model ({error})") from error


def expect_widths(checkpoint: Path, contents: dict[str, Any], model_options: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the widths of the network in a checkpoint, if options describe a network of these widths.

    With the widths known to be those of the stored weights, a network can be built without allocating more than them.

    Args:
        checkpoint: the path of the checkpoint, for the error message.
        contents: the contents of the checkpoint.
        model_options: the options hidden_sizes and depth of a configuration.

    Raises:
        CheckpointError: if the checkpoint has no weights, or those of another network.
        KeyError, TypeError: if hidden_sizes is missing or not one or several whole numbers.
    """
    tensors = _tensors(contents)
    weights = {name: it for name, it in tensors.items() if name.startswith("net.")} or tensors  # or those of an average
    shapes = [it.shape for name, it in weights.items() if name.endswith("weight") and it.dim() == 2]
    if not shapes:
        raise CheckpointError(f"{checkpoint}: expected a checkpoint of a run, got one without weights")
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
            f"{checkpoint}: belongs to another network than the configuration describes: its widths are "
            f"{'-'.join(map(str, widths)):.100}, but {described} are configured: use the options of its run"
        )
    return widths


def trained_weights(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """Return weights and buffers of the trained network in a checkpoint: the average if there is one."""
    tensors = _tensors(checkpoint)
    prefix = "average.net." if any(key.startswith("average.net.") for key in tensors) else "net."
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _tensors(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """Return the tensors in the state_dict of a checkpoint, if it has one."""
    state = checkpoint.get("state_dict")
    found = state.items() if isinstance(state, dict) else ()
    return {key: value for key, value in found if isinstance(key, str) and isinstance(value, Tensor)}
