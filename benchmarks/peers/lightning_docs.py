"""Lightning as in its documentation: automatic optimization, a DataLoader, and the defaults of the Trainer."""

import tempfile

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.autograd_loop import build_network
from benchmarks.comparison.lightning_callback import EpochTimingCallback
from benchmarks.comparison.task import BATCH, LR, SIZES, Task
from benchmarks.comparison.torch_weights import load_weights
from benchmarks.peers import TimedEpochs


class Classifier(pl.LightningModule):
    """The network, its loss and its optimizer."""

    def __init__(self) -> None:
        super().__init__()
        self.net = build_network(SIZES)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        images, labels = batch
        loss = nn.functional.cross_entropy(self.net(images), labels)
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=LR)


def train(task: Task, timed_epochs: TimedEpochs) -> None:
    """Train epoch by epoch."""
    EpochTimingCallback.timed_epochs = staticmethod(timed_epochs)
    pl.seed_everything(int(task.seed))
    model = Classifier()
    load_weights(model.net, task.weights())
    images = torch.from_numpy(task.train_images).float() / 255
    loader = DataLoader(TensorDataset(images, torch.from_numpy(task.train_labels)), batch_size=BATCH, shuffle=True)
    folder = tempfile.mkdtemp()  # inside the temporary folder of the benchmark
    pl.Trainer(max_epochs=len(task.orders), callbacks=[EpochTimingCallback()], default_root_dir=folder).fit(
        model, loader
    )
