"""Statistics of a run (time, images, memory, environment), in a separate file, as they differ in every run."""

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
from torchnet.printable import printable
from torchnet.runs.environment import environment
from torchnet.storage import write_durably


class RunStats(Callback):
    """Measure how long training takes, including logs, evaluations and checkpoints, and count the images."""

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
        """Write the statistics as JSON, after training."""
        device = trainer.strategy.root_device
        module: Any = trainer.lightning_module
        facts = {
            "command": printable(shlex.join(["python", "train.py", *self.arguments])),
            "seconds": self.seconds,
            "images": self.images,
            "peak_memory_mib": _peak_memory(device),
            "environment": {
                **environment(device, trainer.world_size),
                "training step": module.way.name,
                "Python": platform.python_version(),
                "torchnet": torchnet.__version__,
                "pytorch-lightning": version("pytorch-lightning"),
            },
        }
        write_durably(path, (json.dumps(facts, indent=1) + "\n").encode())


def _peak_memory(device: torch.device) -> float | None:
    """Return the peak memory of the GPU, or of the process, in MiB; None if it is unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource
    except ImportError:  # on Windows
        return None
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (2**20 if sys.platform == "darwin" else 2**10)
