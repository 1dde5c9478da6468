"""The record of a run: the data in its folder, read for reports."""

import sys
from dataclasses import replace
from pathlib import Path

from torchnet.data import Preprocessing
from torchnet.layers import Conv2d, Linear
from torchnet.network import Network, describe_sizes
from torchnet.printable import printable
from torchnet.reporting.run_data import RunData
from torchnet.runs.config import read_config
from torchnet.runs.described_network import UntrustedLayerError
from torchnet.runs.errors import UsageError
from torchnet.runs.folders import CONFIG, evaluated_checkpoints
from torchnet.runs.load_network import load_network
from torchnet.storage import CheckpointError


def read_outline(folder: Path) -> RunData:
    """Return the data of the run in a folder without its network, which would have to be read from a checkpoint.

    Raises:
        UsageError: if it is not the folder of a run; DataError: if its configuration is invalid.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise UsageError(f"{folder}: expected the folder of a run, found no {CONFIG} in it")
    config = read_config(path)
    words = ", ".join(_words(config["model"]))
    return RunData(folder, config, path.read_text(encoding="utf-8-sig"), words, weights=0, first_layer=None)


def read_record(folder: Path, trained: tuple[Network, Preprocessing] | None = None, trust: bool = False) -> RunData:
    """Return the data of the run in a folder.

    Args:
        folder: the folder of the run.
        trained: its trained network and its preprocessing; None to load them from the checkpoint that was evaluated.
        trust: whether a layer that is not torchnet's may be imported; without it the record has no weights.

    Raises:
        UsageError: if it is not the folder of a run; DataError: if its configuration is invalid.
    """
    outline = read_outline(folder)
    trained = trained or _load(folder, outline.config.get("evaluate", "best"), trust)
    if trained is None:
        return outline
    net, preprocessing = trained
    first = next((part for part in net.modules() if isinstance(part, (Linear, Conv2d))), None)
    return replace(
        outline,
        network=f"{describe_sizes(net)}, {outline.network}",
        weights=sum(weight.numel() for weight in net.parameters()),
        first_layer=None if first is None else first.weight.detach().cpu().double().numpy(),
        preprocessing=preprocessing,
    )


def _load(folder: Path, which: str, trust: bool) -> tuple[Network, Preprocessing] | None:
    for checkpoint in evaluated_checkpoints(folder, which):
        try:
            found = load_network(checkpoint, trust=trust)
            return found.net, found.preprocessing
        except CheckpointError as error:
            print(f"skipped: {printable(error)}", file=sys.stderr)
        except UntrustedLayerError as error:
            print(f"without the weights: {printable(error)}", file=sys.stderr)
            break
    return None


def _words(model: dict[str, object]) -> list[str]:
    """Describe activation, normalization and so on, from the configuration."""
    network = str(model.get("network", "mlp"))
    activation = network if "." in network else model.get("activation", "sigmoid")
    words = [" and ".join(dict.fromkeys(map(str, activation if isinstance(activation, list) else [activation])))]
    words += [str(model["normalization"])] if model.get("normalization") else []
    words += ["dropout"] if model.get("dropout") else []
    return words + (["residual"] if model.get("residual") else [])
