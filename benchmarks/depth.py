"""What depth does to gradients: two runs of `python train.py`, with the norms of their gradients, layer by layer."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from benchmarks.children import ChildError
from torchnet import Linear
from torchnet.data import scale_pixels

_ROOT = Path(__file__).parent.parent
_SAMPLES = 1000


@dataclass(frozen=True)
class Depth:
    """A run.

    Attributes:
        config: the name of its configuration.
        norms: of the gradient of each Linear's weight, input to output: before training, and after every epoch.
        losses: of training, the mean of each epoch.
        accuracy: on the test images, at the end.
    """

    config: str
    norms: list[list[float]]
    losses: list[float]
    accuracy: float


class GradientNorms(Callback):
    """Measure the gradients on the same images throughout, and write them down when training ends.

    Args:
        path: of the JSON file.
    """

    def __init__(self, path: str) -> None:
        self.path, self.norms, self.losses = Path(path), [], []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._measure(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._measure(trainer, pl_module)
        self.losses.append(pl_module.loss_sum / pl_module.samples)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.path.write_text(json.dumps({"norms": self.norms, "losses": self.losses}))

    @torch.no_grad()
    def _measure(self, trainer: Trainer, pl_module: LightningModule) -> None:
        images, targets = trainer.datamodule.training_tensors
        chosen = torch.arange(0, len(images), len(images) // _SAMPLES, device=images.device)
        net = copy.deepcopy(pl_module.net).train()
        logits = net(scale_pixels(images[chosen], pl_module.weight_dtype))
        net.backward(pl_module.loss(logits, targets[chosen])[1])
        self.norms.append([part.weight.grad.norm().item() for part in net.modules() if isinstance(part, Linear)])


def measure_depth(config: str, folder: Path, show: Callable[[str], None]) -> Depth:
    """Train with a configuration, and return what happened to its gradients."""
    show(config)
    written = folder / f"{config}.json"
    command = [sys.executable, "train.py", f"--config=configs/{config}.yaml", f"--trainer.default_root_dir={folder}"]
    callback = ["--trainer.callbacks=benchmarks.depth.GradientNorms", f"--trainer.callbacks.path={written}"]
    run = subprocess.run([*command, *callback], cwd=_ROOT, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise ChildError(f"{config}: {run.stderr.strip().splitlines()[-1]}")
    (report,) = (folder / config).glob("*/report.json")
    accuracy = json.loads(report.read_text())["accuracy"]["test"]
    return Depth(config, accuracy=accuracy, **json.loads(written.read_text()))


def as_numbers(runs: list[Depth]) -> list[dict[str, object]]:
    """Return the runs as JSON has them."""
    return [asdict(run) for run in runs]
