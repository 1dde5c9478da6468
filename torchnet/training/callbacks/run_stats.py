"""What a run took: time, images, memory; and where. It is in a file of its own, since it is another in every run."""

import json
import platform
import shlex
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

import torchnet
from torchnet.runs.environment import environment
from torchnet.storage import write_durably


class Facts(Callback):
    """Measure how long training takes, with all that belongs to it, and how many images it sees meanwhile.

    Args:
        arguments: of the command line, for who wants to give them again.
    """

    def __init__(self, arguments: list[str]) -> None:
        self.arguments = arguments
        self.images, self.seconds = 0, 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.began = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.images += len(batch.indices)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.seconds = time.monotonic() - self.began

    def write(self, path: Path, trainer: Trainer) -> None:
        """Write them as JSON.

        Args:
            path: of the file.
            trainer: which has trained.

        Raises:
            OSError: if the file cannot be written.
        """
        device = trainer.strategy.root_device
        facts = {
            "command": shlex.join(["python", "train.py", *self.arguments]),
            "seconds": self.seconds,
            "images": self.images,
            "peak_memory_mib": _peak_memory(device),
            "environment": {
                **environment(device, trainer.world_size),
                "Python": platform.python_version(),
                "torchnet": torchnet.__version__,
                "pytorch-lightning": version("pytorch-lightning"),
            },
        }
        write_durably(path, (json.dumps(facts, indent=1) + "\n").encode())


def _peak_memory(device: torch.device) -> float | None:
    """Return the most memory, in MiB, that the GPU gave out, or that the process had; None where it is not known."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource
    except ImportError:  # on Windows
        return None
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (2**20 if sys.platform == "darwin" else 2**10)
