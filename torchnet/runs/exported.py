"""A safetensors file that stands alone: its metadata describe the network and its preprocessing, as JSON."""

import json
from pathlib import Path
from typing import Any

from torchnet.data import Classes, Preprocessing
from torchnet.network import OPTIONS
from torchnet.runs.described_network import expect_described, expect_fitting, network_of
from torchnet.runs.errors import UsageError
from torchnet.runs.load_network import TrainedNetwork
from torchnet.storage import CheckpointError, read_weights_and_metadata

_NOT_SAVED = ("initializer",)  # the weights are in the file
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
    given = (name for name in ("network", *OPTIONS, "dtype") if name not in _NOT_SAVED)
    return json.dumps({name: model[name] for name in given if model.get(name) is not None})


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
        model: dict[str, Any] = dict(json.loads(said["network"]))
        in_order = dict(sorted(weights.items(), key=lambda it: _place(it[0])))  # the file has an order of its own
        preprocessing = Preprocessing.from_dict(json.loads(said["preprocessing"]))
        expect_described(path, in_order, model, preprocessing)
        expect_fitting(path, in_order, model, preprocessing)
        net = network_of(model, weights, preprocessing, path, trust)
        steps = int(said["global_step"])
    except (CheckpointError, UsageError):
        raise
    except (KeyError, TypeError, ValueError, RuntimeError) as error:  # RuntimeError: of load_state_dict, or recursion
        reason = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{path}: expected a file that python -m torchnet export wrote from a run, got {reason}: export it again"
        ) from error
    return TrainedNetwork(net, {"name": said.get("name", ""), "model": model}, path, steps, preprocessing)


def _place(name: str) -> list[int]:
    """Return the numbers of the layers in a name such as 2.0.weight."""
    return [int(part) for part in name.split(".") if part.isdecimal()]
