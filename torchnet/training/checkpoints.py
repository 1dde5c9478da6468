"""Which checkpoints a run keeps, and which of them it may start from."""

import shutil
import zipfile
from pathlib import Path
from typing import Any, cast

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor, nn

from torchnet.training.errors import CheckpointError

_RESUMABLE = ("state_dict", "optimizer_states", "loops", "epoch", "epoch_so_far", "global_step")


class LastCheckpoint(ModelCheckpoint):
    """Keep the last checkpoint: after every epoch, and where a run stops within one (max_steps, max_time).

    Lightning counts an epoch that was cut short as a whole one by the time it saves; a run resumed from there would
    leave out the rest of it. So the state is saved behind the last mini-batch, from where a resume is exact.
    """

    def __init__(self) -> None:
        super().__init__(filename="last", save_on_train_epoch_end=True, enable_version_counter=False)
        self.cut_at = -1  # the step behind which an epoch was cut and saved

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        if trainer.fit_loop.epoch_loop.done and not trainer.is_last_batch:
            self.cut_at = trainer.global_step
            trainer.save_checkpoint(Path(cast(str, self.dirpath)) / "last.ckpt")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.global_step != self.cut_at:
            super().on_train_epoch_end(trainer, pl_module)


class BestCheckpoint(ModelCheckpoint):
    """Keep the checkpoint with the smallest validation loss, across resumes too.

    A resumed run has a folder of its own, and Lightning forgets the best score when the folder changes. Here the best
    checkpoint so far is copied into the new folder, and its score stays the one to beat; unless the old run has since
    replaced it by a better one, from behind the point of the resume.

    Args:
        resumed_from: the checkpoint that the run starts from; the best so far is the best.ckpt beside it.
    """

    def __init__(self, resumed_from: Path | None) -> None:
        super().__init__(filename="best", monitor="val/loss", enable_version_counter=False)
        self.resumed_from = resumed_from

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        best = None if self.resumed_from is None else self.resumed_from.parent / "best.ckpt"
        score = state_dict["best_model_score"]
        if self.dirpath is not None and best is not None and best.is_file() and self._score_of(best) == score:
            Path(self.dirpath).mkdir(parents=True, exist_ok=True)
            copy = str(shutil.copy(best, self.dirpath))
            state_dict = state_dict | {
                "dirpath": self.dirpath,
                "best_model_path": copy,
                "kth_best_model_path": copy,
                "best_k_models": {copy: score},
            }
        super().load_state_dict(state_dict)

    def _score_of(self, best: Path) -> Tensor:
        score: Tensor = torch.load(best, map_location="cpu", weights_only=True)["callbacks"][self.state_key][
            "best_model_score"
        ]
        return score


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
        # torch.load does not look at the checksums of the archive: a flipped bit would become a weight.
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged} is wrong")
        checkpoint: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load lets whatever its parsers meet escape: RuntimeError, UnpicklingError, ...
        raise CheckpointError(f"{path}: not a readable checkpoint ({_first_sentence(error)})") from error
    wanted = _RESUMABLE if resume else ("state_dict", "global_step")
    if not isinstance(checkpoint, dict) or any(key not in checkpoint for key in wanted):
        raise CheckpointError(f"{path}: expected a checkpoint of a run with {', '.join(wanted)}")
    weights = checkpoint["state_dict"]
    if not isinstance(weights, dict) or not all(isinstance(tensor, Tensor) for tensor in weights.values()):
        raise CheckpointError(f"{path}: expected a state_dict of tensors")
    for key, tensor in weights.items():
        if not tensor.isfinite().all():
            raise CheckpointError(f"{path}: {key} is not finite")
    saved, expected = _layout(weights), _layout(model.state_dict())
    for key in sorted(expected | saved, key=lambda key: "." not in str(key)):  # weights first: they say it best
        if saved.get(key) != expected.get(key):
            raise CheckpointError(
                f"{path}: belongs to another network: {key} is {saved.get(key, 'missing')} there "
                f"and {expected.get(key, 'missing')} here; run it with the configuration it was trained with"
            )
    return checkpoint


def finished_epochs(path: Path, checkpoint: dict[str, Any]) -> int:
    """Return how many epochs a checkpoint that was read from this path has behind it.

    Raises:
        CheckpointError: if it does not say.
    """
    try:
        return int(checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: does not say how many epochs it has behind it") from error


def _layout(state: dict[str, Any]) -> dict[str, str]:
    return {key: f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}" for key, tensor in state.items()}


def _first_sentence(error: Exception) -> str:
    return " ".join(str(error).split()).split(". ")[0] or type(error).__name__
