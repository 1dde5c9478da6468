"""Which checkpoints a run keeps, and which of them it may start from."""

import shutil
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import nn

from torchnet.training.errors import CheckpointError

_RESUMABLE = ("state_dict", "optimizer_states", "loops", "epoch", "global_step")


class BestCheckpoint(ModelCheckpoint):
    """Keep the checkpoint with the smallest validation loss, across resumes too.

    A resumed run has a folder of its own, and Lightning forgets the best score when the folder changes. Here the best
    checkpoint so far is copied into the new folder, and its score stays the one to beat.
    """

    def __init__(self) -> None:
        super().__init__(filename="best", monitor="val/loss", enable_version_counter=False)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        best = Path(state_dict["best_model_path"])
        if self.dirpath is not None and best.is_file():
            Path(self.dirpath).mkdir(parents=True, exist_ok=True)
            copy = str(shutil.copy(best, self.dirpath))
            state_dict = state_dict | {
                "dirpath": self.dirpath,
                "best_model_path": copy,
                "kth_best_model_path": copy,
                "best_k_models": {copy: state_dict["best_model_score"]},
            }
        super().load_state_dict(state_dict)


def checkpoint_callbacks(validates: bool) -> list[ModelCheckpoint]:
    """Return what keeps the last checkpoint, always, and the best, where there is a validation set to choose it on.

    Two callbacks: with save_last=True, one would write the last checkpoint only when there is a new best.
    """
    last = ModelCheckpoint(filename="last", save_on_train_epoch_end=True, enable_version_counter=False)
    return [last, BestCheckpoint()] if validates else [last]


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
