"""The trained network of a run, from its checkpoint and its configuration, without data or a Trainer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from torchnet.data import DataError, Preprocessing
from torchnet.network import Network
from torchnet.printable import printable
from torchnet.runs.config import read_config
from torchnet.runs.described_network import expect_described, expect_fitting, network_of
from torchnet.runs.errors import UsageError
from torchnet.runs.folders import CONFIG, run_of
from torchnet.storage import CheckpointError, read_checkpoint

_MAX_NAME = 64  # characters


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network and where it comes from."""

    net: Network  # in evaluation mode, on the CPU; the moving average of the weights if the run kept one
    config: dict[str, Any]
    checkpoint: Path
    steps: int  # completed steps of training
    preprocessing: Preprocessing

    @property
    def name(self) -> str:
        """The name of the run."""
        return printable(self.config.get("name", "default"))[:_MAX_NAME]


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
    config, preprocessing = read_config_of(checkpoint, contents)
    try:
        net = network_of(config["model"], trained_weights(contents), preprocessing, path, trust)
    except UsageError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: expected the options of a network under model ({error})") from error
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{checkpoint}: belongs to another network than {path} describes: {reason}") from error
    steps = contents.get("global_step", 0)
    if not isinstance(steps, int) or not 0 <= steps < 2**63:
        raise CheckpointError(f"{checkpoint}: expected a number of steps as global_step, got something else")
    return TrainedNetwork(net, config, checkpoint, steps, preprocessing)


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


def read_config_of(checkpoint: Path, contents: dict[str, Any]) -> tuple[dict[str, Any], Preprocessing]:
    """Return the configuration beside a checkpoint, and the preprocessing of the network that both describe.

    Raises:
        CheckpointError: if the checkpoint has no weights.
        DataError: if config.yaml is invalid, or describes another network than the checkpoint holds.
    """
    path = run_of(checkpoint) / CONFIG
    config, weights = read_config(path), trained_weights(contents)
    saved = saved_preprocessing(checkpoint, contents)
    try:
        preprocessing = expect_described(checkpoint, weights, config["model"], saved)
    except CheckpointError as error:
        if not weights:
            raise
        raise DataError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: expected the options of a network under model ({error})") from error
    expect_fitting(checkpoint, weights, config["model"], preprocessing)
    return config, preprocessing


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
