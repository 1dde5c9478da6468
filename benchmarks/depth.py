"""Gradients in deep networks: two runs of `python train.py`, with the gradient norm of every layer."""

import copy
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from benchmarks.child_process import ChildError
from torchnet import Linear
from torchnet.step import scale_pixels

ROOT = Path(__file__).parent.parent
_SAMPLES = 1000


@dataclass(frozen=True)
class Depth:
    """What was measured of one run.

    Attributes:
        config: the name of the config.
        norms: the gradient norm of each Linear's weight, from input to output; before training and after every epoch.
        losses: the mean training loss of each epoch.
        accuracy: the test accuracy after the last epoch.
    """

    config: str
    norms: list[list[float]]
    losses: list[float]
    accuracy: float


class GradientNorms(Callback):
    """Measure the gradients on a fixed set of images, and write them to a file when training ends.

    Args:
        path: the JSON file to write.
    """

    def __init__(self, path: str) -> None:
        self.path, self.norms, self.losses = Path(path), [], []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._measure(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._measure(trainer, pl_module)
        self.losses.append(pl_module.epoch.loss)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.path.write_text(json.dumps({"norms": self.norms, "losses": self.losses}))

    @torch.no_grad()
    def _measure(self, trainer: Trainer, pl_module: LightningModule) -> None:
        images, targets = trainer.datamodule.training_tensors
        chosen = torch.arange(0, len(images), max(1, len(images) // _SAMPLES), device=images.device)
        net = copy.deepcopy(pl_module.net).train()
        logits = net(scale_pixels(images[chosen], pl_module.weight_dtype))
        net.backward(pl_module.loss(logits, targets[chosen])[1])
        self.norms.append([part.weight.grad.norm().item() for part in net.modules() if isinstance(part, Linear)])


def measure_depth(config: Path, folder: Path) -> Depth:
    """Train with a config and return the norms of the gradients."""
    written, results = folder / f"{config.stem}.json", folder / config.stem
    command = [sys.executable, "train.py", f"--config={config}", f"--trainer.default_root_dir={results}"]
    callback = ["--trainer.callbacks=benchmarks.depth.GradientNorms", f"--trainer.callbacks.path={written}"]
    run = subprocess.run([*command, *callback], cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise ChildError(f"{config.name}: {run.stderr.strip().splitlines()[-1]}")
    (report,) = results.glob("*/*/report.json")
    accuracy = json.loads(report.read_text())["accuracy"]["test"]
    return Depth(config.stem, accuracy=accuracy, **json.loads(written.read_text()))
