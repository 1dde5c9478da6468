"""The trained network of a run, from its checkpoint and its configuration, without data or a Trainer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from torchnet.network import MLP, layer_sizes
from torchnet.runs.config import read_config
from torchnet.runs.errors import UsageError
from torchnet.runs.folders import CONFIG, run_of
from torchnet.storage import CheckpointError, read_checkpoint

DTYPES = {"float32": torch.float32, "float64": torch.float64}
_OPTIONS = ("activation", "normalization", "dropout", "residual")  # arguments of MLP in a configuration


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network and where it comes from."""

    net: MLP  # in evaluation mode, on the CPU; the moving average of the weights if the run kept one
    config: dict[str, Any]
    checkpoint: Path
    steps: int  # completed steps of training

    @property
    def name(self) -> str:
        """The name of the run."""
        return str(self.config.get("name", "default"))

    @property
    def in_features(self) -> int:
        """The number of pixels of an image."""
        return int(next(self.net.parameters()).shape[1])


def load_network(checkpoint: Path) -> TrainedNetwork:
    """Build the network of a run and load the weights of one of its checkpoints.

    Raises:
        CheckpointError: if the checkpoint cannot be used, or its weights do not fit the configuration.
        UsageError: if the folder of the run has no valid config.yaml.
    """
    contents = read_checkpoint(checkpoint)
    weights = trained_weights(contents)
    widths = [tensor.shape for name, tensor in weights.items() if name.endswith("weight") and tensor.dim() == 2]
    if not widths:
        raise CheckpointError(f"{checkpoint}: expected a checkpoint of a run, got one without weights")
    path = run_of(checkpoint) / CONFIG
    if not path.is_file():
        raise UsageError(f"{path}: expected the configuration of the run of {checkpoint}, found no file")
    config = read_config(path)
    model = config["model"]
    try:
        sizes = layer_sizes(widths[0][1], model["hidden_sizes"], widths[-1][0], model.get("depth"))
        options = {name: model[name] for name in _OPTIONS if name in model}
        net = MLP(sizes, initializer="zeros", dtype=DTYPES[model.get("dtype", "float32")], **options)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: expected the options of a network under model ({error})") from error
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{checkpoint}: belongs to another network than {path} describes: {reason}") from error
    return TrainedNetwork(net.eval(), config, checkpoint, int(contents.get("global_step", 0)))


def trained_weights(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """Return weights and buffers of the trained network in a checkpoint: the average if there is one."""
    state = checkpoint.get("state_dict")
    tensors = (
        {key: value for key, value in state.items() if isinstance(value, Tensor)} if isinstance(state, dict) else {}
    )
    prefix = "average.net." if any(key.startswith("average.net.") for key in tensors) else "net."
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
