"""The folders of runs, and the checkpoints in them: <root>/<name>/<time>/checkpoints/last.ckpt."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from torchnet.training.errors import CheckpointError, UsageError

RUNS = "runs"  # the root, if no other is asked for
CHECKPOINTS = "checkpoints"
_NEWEST = ("last", "best")  # the values of --ckpt_path that stand for a checkpoint of the newest run
_RESUMABLE = ("state_dict", "optimizer_states", "loops", "epoch", "global_step")


def new_run_folder(root: Path, name: str) -> Path:
    """Make and return the folder of a new run, <root>/<name>/<time>.

    Raises:
        UsageError: if the name would not do as the name of a folder.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", name):
        raise UsageError(f"name: expected up to 64 letters, digits, dots, dashes and underscores, got {name!r}")
    while True:
        time = datetime.now().isoformat(sep="_", timespec="milliseconds").replace(":", "-")
        try:
            (root / name / time).mkdir(parents=True)
            return root / name / time
        except FileExistsError:
            if not (root / name / time).is_dir():  # a file is in the way, not a run of the same millisecond
                raise


def find_checkpoint(ckpt_path: str, root: Path, name: str = "*") -> Path:
    """Return the checkpoint that --ckpt_path names.

    Args:
        ckpt_path: a file; or "last" or "best", for that of the newest run that has one.
        root: where the runs are.
        name: of the runs to look at.

    Raises:
        CheckpointError: if there is no such checkpoint.
    """
    if ckpt_path not in _NEWEST:
        if not Path(ckpt_path).is_file():
            raise CheckpointError(f"{ckpt_path}: no such checkpoint; --ckpt_path takes a file, last or best")
        return Path(ckpt_path)
    found = root.glob(f"{name}/*/{CHECKPOINTS}/{ckpt_path}.ckpt")
    newest = max(found, key=lambda path: path.parts[-3], default=None)  # the time in the name of the run's folder
    if newest is None:
        raise CheckpointError(
            f"--ckpt_path {ckpt_path}: there is no {ckpt_path}.ckpt under {root / name}: train a network first"
        )
    return newest


def run_of(checkpoint: Path) -> Path:
    """Return the folder of the run that a checkpoint belongs to; its own folder if it stands outside of a run."""
    folder = checkpoint.absolute().parent
    return folder.parent if folder.name == CHECKPOINTS else folder


def read_checkpoint(path: Path, model: nn.Module, resume: bool) -> dict[str, Any]:
    """Return a checkpoint, once it is certain that it can be read and belongs to this network.

    Args:
        path: the checkpoint.
        model: the network with its wrapping, as it is to be restored.
        resume: whether the state of training is needed too, not the weights alone.

    Raises:
        CheckpointError: if not; in one sentence, naming the file and the fault.
    """
    try:
        checkpoint: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load lets whatever its parsers meet escape: RuntimeError, UnpicklingError, ...
        raise CheckpointError(f"{path}: not a readable checkpoint ({_first_sentence(error)})") from error
    wanted = _RESUMABLE if resume else ("state_dict", "global_step")
    if not isinstance(checkpoint, dict) or any(key not in checkpoint for key in wanted):
        raise CheckpointError(f"{path}: expected a checkpoint of a run with {', '.join(wanted)}")
    saved, expected = _layout(checkpoint["state_dict"]), _layout(model.state_dict())
    for key in sorted(expected | saved, key=lambda key: "." not in key):  # weights first: they say it best
        if saved.get(key) != expected.get(key):
            raise CheckpointError(
                f"{path}: belongs to another network: {key} is {saved.get(key, 'missing')} there "
                f"and {expected.get(key, 'missing')} here; run it with the configuration it was trained with"
            )
    return checkpoint


def _layout(state: dict[str, Any]) -> dict[str, str]:
    return {key: f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}" for key, tensor in state.items()}


def _first_sentence(error: Exception) -> str:
    return " ".join(str(error).split()).split(". ")[0] or type(error).__name__
