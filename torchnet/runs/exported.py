"""A safetensors file that stands alone: its metadata describe the network and its preprocessing, as JSON."""

import json
from pathlib import Path
from typing import Any

from torchnet.data import Classes, Preprocessing
from torchnet.layers import Linear
from torchnet.runs.errors import UsageError
from torchnet.runs.load_network import OPTIONS, TrainedNetwork, expect_fitting, expect_widths, network_of
from torchnet.storage import CheckpointError, read_weights_and_metadata

SUFFIX = ".safetensors"


def exported_metadata(trained: TrainedNetwork) -> dict[str, str]:
    """Return what an exported file says about its network, for any program that reads it."""
    preprocessing = trained.preprocessing
    said = {"name": trained.name, "global_step": str(trained.steps)}
    said["preprocessing"] = json.dumps(preprocessing.as_dict())
    if isinstance(preprocessing.targets, Classes):
        said["classes"] = json.dumps(preprocessing.targets.names)
    return said


def network_metadata(trained: TrainedNetwork) -> str:
    """Return the options from which `load_exported` builds the network."""
    model = trained.config["model"]
    hidden = [layer.out_features for layer in trained.net.modules() if isinstance(layer, Linear)][:-1]
    options = {name: model[name] for name in (*OPTIONS, "dtype") if name in model}
    return json.dumps({"hidden_sizes": hidden} | options)


def load_exported(path: Path, trust: bool = False) -> TrainedNetwork:
    """Build a network from a safetensors file alone. The program in its metadata is not run.

    Args:
        path: the file.
        trust: whether a layer that is not torchnet's may be imported, which runs its code.

    Raises:
        UntrustedLayerError: if there is such a layer, and it may not.
        CheckpointError: if `python -m torchnet export` did not write the file from a run; OSError: if the disk fails.
    """
    weights, said = read_weights_and_metadata(path)
    try:
        model: Any = json.loads(said["network"])
        in_order = dict(sorted(weights.items(), key=lambda it: _place(it[0])))  # the file has an order of its own
        sizes = expect_widths(path, {"state_dict": in_order}, model)
        net = network_of(sizes, model, path, trust)
        net.load_state_dict(weights)
        preprocessing = Preprocessing.from_dict(json.loads(said["preprocessing"]))
        steps = int(said["global_step"])
    except (CheckpointError, UsageError):
        raise
    except (KeyError, TypeError, ValueError, RuntimeError) as error:  # RuntimeError: of load_state_dict, or recursion
        reason = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{path}: expected a file that python -m torchnet export wrote from a run, got {reason}: export it again"
        ) from error
    expect_fitting(path, preprocessing, sizes)
    return TrainedNetwork(net.eval(), {"name": said.get("name", ""), "model": model}, path, steps, preprocessing)


def _place(name: str) -> list[int]:
    """Return the numbers of the layers in a name such as 2.0.weight."""
    return [int(part) for part in name.split(".") if part.isdecimal()]
