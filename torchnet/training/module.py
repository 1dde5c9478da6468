"""The training step: hand-written gradients under Lightning's manual optimisation."""

from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.cli import LRSchedulerCallable
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from torchnet import reference
from torchnet.data import Batch, Block, scale_pixels
from torchnet.engine import Engine
from torchnet.losses import LOSSES
from torchnet.network import MLP, layer_sizes
from torchnet.optimizers import SGD
from torchnet.products import MATMUL_DTYPES, unsupported
from torchnet.training.blocks import count_steps
from torchnet.training.errors import NonFiniteError, UsageError
from torchnet.training.schedule import next_lrs, refuse_unless_lr_alone

DTYPES = {"float32": torch.float32, "float64": torch.float64}
NOTEBOOK_INITIALIZER = "notebook"


class Classifier(LightningModule):
    """A classifier of images that holds an MLP and trains it with the gradients that the MLP writes itself.

    Args:
        in_features: pixels of an image; from the data.
        num_classes: classes to tell apart; from the data.
        hidden_sizes: the width of each hidden layer, or one width for all of them.
        depth: the number of layers of weights; needed with one width for all, else it follows.
        activation: sigmoid, tanh, relu, leaky_relu, elu, gelu, gelu_tanh (its usual approximation), silu, softplus, or
            identity: none.
        initializer: he_normal, xavier_normal, xavier_uniform, lecun_normal, zeros; or notebook: he_normal with the very
            numbers that the notebook drew.
        loss: cross_entropy, or one_vs_rest_cross_entropy, the loss that the notebook prints.
        lr: the learning rate.
        momentum: the share of the last update that is kept.
        dampening: the part of the gradient that is kept from the momentum.
        weight_decay: the strength of the pull of the weights towards zero.
        nesterov: Nesterov's momentum.
        scheduler: changes the learning rate after every step; a class of torch.optim.lr_scheduler and its arguments.
        dtype: float32 or float64, of the weights and all arithmetic.
        matmul_dtype: tf32 or bfloat16, to which the operands of the products of float32 matrices are rounded; faster,
            where the processor has instructions for it.
        captured: replay the training step in place of taking it as it is written: the same result, sooner.
        seed: of the weights.

    Raises:
        ValueError: if a value is not one that works; UsageError, when training starts: if the Trainer's are not.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        hidden_sizes: int | list[int] = [64, 64],  # noqa: B006 - never changed; the command line needs a list
        depth: int | None = None,
        activation: str = "sigmoid",
        initializer: str = "he_normal",
        loss: str = "cross_entropy",
        lr: float = 1.0,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        scheduler: LRSchedulerCallable | None = None,
        dtype: str = "float32",
        matmul_dtype: str | None = None,
        captured: bool = True,
        seed: int = 10,
    ) -> None:
        super().__init__()
        for name, value, choices in (
            ("loss", loss, (*LOSSES,)),
            ("dtype", dtype, (*DTYPES,)),
            ("matmul_dtype", matmul_dtype, (*MATMUL_DTYPES, None)),
        ):
            if value not in choices:
                raise ValueError(f"{name}: expected one of {', '.join(map(str, choices))}, got {value!r}")
        if matmul_dtype is not None and dtype != "float32":
            raise ValueError(f"matmul_dtype: expected None with dtype {dtype}, got {matmul_dtype}: it is for float32")
        self.automatic_optimization = False
        self.weight_dtype = DTYPES[dtype]
        self.layer_sizes = layer_sizes(in_features, hidden_sizes, num_classes, depth)
        from_notebook = initializer == NOTEBOOK_INITIALIZER
        self.net = MLP(
            self.layer_sizes,
            activation,
            "zeros" if from_notebook else initializer,
            torch.Generator().manual_seed(seed),
            self.weight_dtype,
            torch.bfloat16 if matmul_dtype == "bfloat16" else None,
        )
        if from_notebook:
            _load_notebook_weights(self.net, self.layer_sizes, seed)
        self.loss = LOSSES[loss]
        self.sgd_options: dict[str, Any] = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
        }
        trial = SGD(self.net.parameters(), **self.sgd_options)  # a wrong option is an error now, not in training
        if scheduler is not None:
            refuse_unless_lr_alone(scheduler(trial))
        self.scheduler, self.matmul_dtype, self.captured = scheduler, matmul_dtype, captured
        # What the epoch has added up to so far; in checkpoints, as a run may be resumed in the middle of an epoch.
        self.loss_sum, self.samples = 0.0, 0
        self.mean_loss = MeanMetric(nan_strategy="disable").set_dtype(self.weight_dtype)
        self.accuracy = MulticlassAccuracy(num_classes, average="micro")

    def setup(self, stage: str) -> None:
        self.refuse_unsupported(self.trainer)

    def refuse_unsupported(self, trainer: Trainer) -> None:
        """Raise a UsageError for settings of the Trainer that do not go with hand-written gradients or the dtype."""
        if trainer.precision != "32-true":
            raise UsageError(
                f"trainer.precision: expected 32-true, got {trainer.precision}: hand-written gradients are not "
                "scaled or cast by Lightning; choose with --model.dtype and --model.matmul_dtype bfloat16"
            )
        if trainer.world_size > 1:
            raise UsageError(f"trainer.devices: expected one device, got {trainer.world_size}: gradients stay on one")
        if trainer.strategy.root_device.type == "mps" and self.weight_dtype == torch.float64:
            raise UsageError("dtype: this GPU has no float64: choose --trainer.accelerator cpu, or float32")
        if (reason := unsupported(self.matmul_dtype, trainer.strategy.root_device)) is not None:
            raise UsageError(f"matmul_dtype: {reason}: leave it out")

    def configure_optimizers(self) -> Any:
        optimizer = SGD(self.net.parameters(), **self.sgd_options)
        if self.scheduler is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self.scheduler(optimizer), "interval": "step"}}

    def on_train_start(self) -> None:
        optimizer = self.trainer.optimizers[0]
        # A checkpoint brings the options of its own run along with the momentum: what was asked for now is what counts.
        for group in optimizer.param_groups:
            group.update({key: value for key, value in self.sgd_options.items() if key != "lr" or not self.scheduler})
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]  # set by Trainer.fit
        images, targets = data.training_tensors
        self.engine = Engine(
            self.net,
            self.loss,
            optimizer,
            images,
            targets,
            block_size=data.block_size,
            captured=self.captured,
            tf32=self.matmul_dtype == "tf32",
        )

    def training_step(self, block: Block, batch_idx: int) -> None:
        """Take a step for each mini-batch of the block: forward, loss, backward, update; no autograd anywhere."""
        scheduler: Any = self.lr_schedulers()
        lrs = None if scheduler is None else next_lrs(scheduler, len(block))
        losses = self.engine.run(block.indices, block.batch_size, block.divisor, lrs).tolist()
        count_steps(self.trainer, len(losses))
        if batch_idx == 0:
            self.loss_sum, self.samples = 0.0, 0
        for loss, mini_batch in zip(losses, block.indices.split(block.batch_size), strict=True):
            self.loss_sum += loss * (block.divisor or len(mini_batch))  # from the mean back to the sum
            self.samples += len(mini_batch)
        self.log("train/step_loss", losses[-1], on_step=True, on_epoch=False, batch_size=1)
        if lrs is not None:
            self.log("train/lr", lrs[-1], on_step=True, on_epoch=False, batch_size=1)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["epoch_so_far"] = {"loss_sum": self.loss_sum, "samples": self.samples}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.trainer.state.fn == TrainerFn.FITTING:  # for an evaluation the weights are enough
            so_far = checkpoint["epoch_so_far"]
            self.loss_sum, self.samples = float(so_far["loss_sum"]), int(so_far["samples"])

    def on_train_epoch_end(self) -> None:
        mean = torch.tensor(self.loss_sum / self.samples, dtype=self.weight_dtype)
        numbers = {"the training loss": mean, **dict(self.net.named_parameters())}
        for name, tensor in numbers.items():
            if not tensor.isfinite().all():
                raise NonFiniteError(
                    f"after epoch {self.current_epoch + 1} {name} is not finite: this epoch is not saved; "
                    "try a smaller --model.lr"
                )
        self.log("train/loss", mean)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of images whose pixels are 0..255.

        Shape:
            images: (N, ...) uint8.
            returns: (N, C).
        """
        logits: Tensor = self.net(scale_pixels(images, self.weight_dtype))
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
        loss, _ = self.loss(logits, batch.targets)
        self.mean_loss.update(loss, weight=len(logits))
        self.accuracy.update(logits, batch.targets)
        self.log_dict({f"{split}/loss": self.mean_loss, f"{split}/accuracy": self.accuracy}, on_epoch=True)


def _load_notebook_weights(net: MLP, sizes: tuple[int, ...], seed: int) -> None:
    state: dict[str, Any] = {}
    keys = iter(net.state_dict())
    for weight, bias in reference.initialize_params(sizes, seed):
        state[next(keys)] = torch.from_numpy(weight)
        state[next(keys)] = torch.from_numpy(bias).squeeze(1)
    net.load_state_dict(state)
