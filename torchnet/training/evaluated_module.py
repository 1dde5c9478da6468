"""The part of the LightningModule that evaluates: validation, test and prediction."""

from abc import abstractmethod
from typing import Any, NoReturn

import torch
from pytorch_lightning import Callback, LightningModule
from torch import Tensor
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy
from torchmetrics.utilities.distributed import gather_all_tensors

from torchnet.data import Batch
from torchnet.losses import LOSSES
from torchnet.network import MLP
from torchnet.replicas import connection_expected
from torchnet.runs.errors import UsageError
from torchnet.step import scale_pixels
from torchnet.training.callbacks.user_callbacks import refuse_callbacks
from torchnet.training.trainer_options import refuse_options_of


class EvaluatedModule(LightningModule):
    """A module with a network that classifies images. `loss` is the name of the loss that evaluations report."""

    def __init__(self, loss: str, num_classes: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.loss_name, self.weight_dtype = loss, dtype
        self.evaluation_loss = LOSSES[loss]
        gather = connection_expected()(gather_all_tensors)  # from all processes; one may be lost
        self.mean_loss = MeanMetric(nan_strategy="disable", dist_sync_fn=gather).set_dtype(dtype)
        self.accuracy = MulticlassAccuracy(num_classes, average="micro", dist_sync_fn=gather)

    def configure_callbacks(self) -> list[Callback]:
        trainer: Any = self.trainer
        refuse_options_of(trainer)  # here, before Lightning looks at them
        refuse_callbacks(trainer.callbacks)
        return []

    @classmethod
    def load_from_checkpoint(cls, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise a UsageError: a checkpoint has no arguments of a constructor."""
        raise UsageError(
            "load_from_checkpoint: the options of a network are in the config.yaml of its run: use torchnet.load(path)"
        )

    @property
    @abstractmethod
    def trained(self) -> MLP:
        """The network that is evaluated."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, (N, C), of uint8 images, (N, ...)."""
        logits: Tensor = self.trained(scale_pixels(images, self.weight_dtype))
        return logits

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._log_evaluation("val", batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self._log_evaluation("test", batch)

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the probability of each class, (N, C)."""
        return self(batch.images).softmax(dim=1)

    def _log_evaluation(self, split: str, batch: Batch) -> None:
        logits = self(batch.images)
        loss, _ = self.evaluation_loss(logits, batch.targets)
        self.mean_loss.update(loss, weight=len(logits))
        self.accuracy.update(logits, batch.targets)
        self.log_dict({f"{split}/loss": self.mean_loss, f"{split}/accuracy": self.accuracy}, on_epoch=True)
