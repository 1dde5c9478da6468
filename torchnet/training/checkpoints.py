"""Which checkpoints a run keeps."""

import shutil
from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import ModelCheckpoint


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
