"""The part of the LightningModule that evaluates: validation, test and prediction."""

from abc import abstractmethod
from typing import Any, NoReturn

import torch
from pytorch_lightning import Callback, LightningModule
from torch import Tensor
from torchmetrics import MeanMetric, Metric, R2Score
from torchmetrics.classification import MulticlassAccuracy
from torchmetrics.utilities.distributed import gather_all_tensors

from torchnet.data import Batch, BatchLoader
from torchnet.engine.matmul_precision import float32_products
from torchnet.losses import LOSSES
from torchnet.network import Network
from torchnet.replicas import connection_expected
from torchnet.reporting import evaluate
from torchnet.reporting.evaluation import r_squared
from torchnet.runs.errors import UsageError
from torchnet.step import scale_pixels
from torchnet.training.callbacks.user_callbacks import refuse_callbacks
from torchnet.training.trainer_options import refuse_options_of


class EvaluatedModule(LightningModule):
    """A module with a network that classifies samples, or predicts quantities.

    Args:
        task: "classification" or "regression".
        loss: the name of the loss that evaluations report.
        num_outputs: the number of classes or quantities.
        dtype: the dtype of the weights.

    Attributes:
        score_name: what is logged beside the loss, the larger the better: "accuracy", or "r2", the coefficient of
            determination R².
        score_title: the same on the screen.
    """

    def __init__(self, task: str, loss: str, num_outputs: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.task, self.loss_name, self.weight_dtype = task, loss, dtype
        self.evaluation_loss = LOSSES[loss]
        gather = connection_expected()(gather_all_tensors)  # from all processes; one may be lost
        self.mean_loss = MeanMetric(nan_strategy="disable", dist_sync_fn=gather).set_dtype(dtype)
        self.score_name, self.score_title = ("accuracy",) * 2 if task == "classification" else ("r2", "R2")
        self.score: Metric = (
            MulticlassAccuracy(num_outputs, average="micro", dist_sync_fn=gather)
            if task == "classification"
            else R2Score(dist_sync_fn=gather)
        )
        self.tested: tuple[int, tuple[Tensor, Tensor]] | None = None  # the step of the newest test outputs, and these

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
    def trained(self) -> Network:
        """The network that is evaluated."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs, (N, C), for inputs of uint8 or floating point, (N, ...)."""
        with float32_products(inputs.device):
            outputs: Tensor = self.trained(scale_pixels(inputs, self.weight_dtype))
        return outputs

    def outputs_on(self, loader: BatchLoader) -> tuple[Tensor, Tensor]:
        """Return the network's outputs on all samples, and the targets."""
        with float32_products(self.device):
            return evaluate(self.trained, loader)

    def loss_and_score(self, logits: Tensor, targets: Tensor) -> tuple[float, float]:
        """Return the loss and the score that evaluations report, for the outputs on a whole split."""
        loss = self.evaluation_loss(logits, targets)[0].item()
        if self.task == "classification":
            return loss, (logits.argmax(dim=1) == targets).double().mean().item()
        both = (tensor.double().cpu().numpy() for tensor in (logits, targets))
        return loss, float(r_squared(*both).mean())

    def test_outputs(self) -> tuple[Tensor, Tensor]:
        """Return the network's outputs on the whole test set and the targets; computed once after a step."""
        trainer: Any = self.trainer
        if self.tested is None or self.tested[0] != trainer.global_step:
            self.tested = trainer.global_step, self.outputs_on(trainer.datamodule.evaluation_loader("test"))
        return self.tested[1]

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._log_evaluation("val", batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self._log_evaluation("test", batch)

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the probability of each class, (N, C); of a regression, the outputs of the network."""
        outputs: Tensor = self(batch.inputs)
        return outputs.softmax(dim=1) if self.task == "classification" else outputs

    def _log_evaluation(self, split: str, batch: Batch) -> None:
        outputs = self(batch.inputs)
        loss, _ = self.evaluation_loss(outputs, batch.targets)
        self.mean_loss.update(loss, weight=len(outputs))
        self.score.update(outputs, batch.targets)
        self.log_dict({f"{split}/loss": self.mean_loss, f"{split}/{self.score_name}": self.score}, on_epoch=True)
