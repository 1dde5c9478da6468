"""The record of a run: the data in its folder, read for reports."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from torchnet.layers import Linear
from torchnet.network import MLP
from torchnet.printable import printable
from torchnet.reporting.run_data import RunData
from torchnet.runs.config import read_config
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


def read_record(folder: Path, net: MLP | None = None) -> RunData:
    """Return the data of the run in a folder.

    Args:
        folder: the folder of the run.
        net: its trained network; None to load it from the checkpoint that was evaluated.

    Raises:
        UsageError: if it is not the folder of a run; DataError: if its configuration is invalid.
    """
    outline = read_outline(folder)
    net = net or _network(folder, outline.config.get("evaluate", "best"))
    linears = [] if net is None else [part for part in net.modules() if isinstance(part, Linear)]
    sizes = [str(size) for linear in linears[:1] for size in linear.weight.shape[::-1]]
    sizes += [str(linear.out_features) for linear in linears[1:]]
    return replace(
        outline,
        network=", ".join(["-".join(sizes)] * bool(sizes) + [outline.network]),
        weights=0 if net is None else sum(weight.numel() for weight in net.parameters()),
        first_layer=_as_images(linears[0].weight) if linears else None,
    )


def _as_images(weight: Tensor) -> np.ndarray | None:
    """Return the weights of each unit as a square image; None if the number of inputs is not a square.

    Shape:
        weight: (O, I); returns: (O, √I, √I).
    """
    side = math.isqrt(weight.shape[1])
    return weight.detach().cpu().double().view(-1, side, side).numpy() if side**2 == weight.shape[1] else None


def _network(folder: Path, which: str) -> MLP | None:
    for checkpoint in evaluated_checkpoints(folder, which):
        try:
            return load_network(checkpoint).net
        except CheckpointError as error:
            print(f"skipped: {printable(error)}", file=sys.stderr)
    return None


def _words(model: dict[str, object]) -> list[str]:
    """Describe activation, normalization and so on, from the configuration."""
    activation = model.get("activation", "sigmoid")
    words = [" and ".join(dict.fromkeys(map(str, activation if isinstance(activation, list) else [activation])))]
    words += [str(model["normalization"])] if model.get("normalization") else []
    words += ["dropout"] if model.get("dropout") else []
    return words + (["residual"] if model.get("residual") else [])
