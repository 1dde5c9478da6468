"""The training step: hand-written gradients under Lightning's manual optimisation."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torch.optim import Optimizer
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from torchnet import reference
from torchnet.averaging import WeightAverage
from torchnet.choices import expect_one_of
from torchnet.data import Batch, Block, scale_pixels
from torchnet.engine import Engine
from torchnet.engine.matmul_precision import MATMUL_DTYPES
from torchnet.layers import Linear
from torchnet.losses import LOSSES
from torchnet.network import MLP, layer_sizes
from torchnet.replicas import Replicas
from torchnet.runs.load_network import DTYPES
from torchnet.training.blocks import count_steps
from torchnet.training.nonfinite import FiniteSteps
from torchnet.training.optimizer_options import clipping, optimizer_of, trial_of
from torchnet.training.refusals import refuse_metrics, refuse_single_samples, refuse_trainer
from torchnet.training.schedule import INTERVALS, advance, next_options, schedule_of

NOTEBOOK_INITIALIZER = "notebook"


class Classifier(LightningModule):
    """A classifier of images that holds an MLP and trains it with the gradients that the MLP writes itself.

    Args:
        in_features: pixels of an image; from the data.
        num_classes: classes to tell apart; from the data.
        hidden_sizes: the width of each hidden layer, or one width for all of them.
        depth: the number of layers of weights; needed with one width for all, else it follows.
        activation: of the hidden layers, or one for each: sigmoid, tanh, relu, leaky_relu, elu, gelu, gelu_tanh, silu,
            softplus, identity.
        initializer: he_normal, xavier_normal, xavier_uniform, lecun_normal, zeros; or notebook: he_normal with the very
            numbers that the notebook drew.
        normalization: batch_norm, layer_norm or rms_norm, before the activations.
        dropout: the probability with which an output of a hidden layer is dropped in training, or one for each layer.
        residual: add to each hidden layer the one before it, where both have the same width.
        loss: cross_entropy, mean_squared_error, or one_vs_rest_cross_entropy, the loss that the notebook prints.
        label_smoothing: the part of each target that is spread evenly over all classes; for cross_entropy, in training.
        class_weights: how much the samples of each class count; for cross_entropy, in training.
        lr: the learning rate.
        momentum: the share of the last update that is kept.
        dampening: the part of the gradient that is kept from the momentum.
        weight_decay: the strength of the pull of the weights towards zero.
        nesterov: Nesterov's momentum.
        optimizer: another one in place of torchnet.SGD, whose options the five above are; a class of torch.optim and
            its arguments.
        scheduler: changes the learning rate, and some the momentum; a class of torch.optim.lr_scheduler and its
            arguments. A resumed run goes on with the schedule that it began with.
        scheduler_interval: step or epoch, after which the scheduler is called.
        scheduler_monitor: the metric that ReduceLROnPlateau, called after an epoch, waits for.
        clip_norm: the largest norm of all gradients together; longer ones are shortened to it.
        clip_value: the largest absolute value of an element of a gradient; larger ones are cut off there.
        ema_decay: evaluate and keep, beside the weights, their exponential moving average: what is left of it in each
            step, such as 0.999.
        dtype: float32 or float64, of the weights and all arithmetic.
        matmul_dtype: tf32 or bfloat16, to which the operands of the products of float32 matrices are rounded; faster,
            where the processor has instructions for it.
        captured: replay the training step in place of taking it as it is written: the same result, sooner.
        seed: of the weights and of the dropout.

    Raises:
        ValueError: if a value is not one that works; UsageError, when training starts: if the Trainer's are not.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        hidden_sizes: int | list[int] = [64, 64],  # noqa: B006 - never changed; the command line needs a list
        depth: int | None = None,
        activation: str | list[str] = "sigmoid",
        initializer: str = "he_normal",
        normalization: str | None = None,
        dropout: float | list[float] = 0.0,
        residual: bool = False,
        loss: str = "cross_entropy",
        label_smoothing: float = 0.0,
        class_weights: list[float] | None = None,
        lr: float = 1.0,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        optimizer: OptimizerCallable | None = None,
        scheduler: LRSchedulerCallable | None = None,
        scheduler_interval: str = "step",
        scheduler_monitor: str = "val/loss",
        clip_norm: float | None = None,
        clip_value: float | None = None,
        ema_decay: float | None = None,
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
            ("scheduler_interval", scheduler_interval, INTERVALS),
        ):
            expect_one_of(name, value, choices)
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
            generator=torch.Generator().manual_seed(seed),
            dtype=self.weight_dtype,
            matmul_dtype=torch.bfloat16 if matmul_dtype == "bfloat16" else None,
            normalization=normalization,
            dropout=dropout,
            residual=residual,
            seed=seed,
        )
        if from_notebook:
            _load_notebook_weights(self.net, self.layer_sizes, seed)
        self.average = None if ema_decay is None else WeightAverage(self.net, ema_decay)
        if loss != "cross_entropy" and (label_smoothing != 0 or class_weights is not None):
            raise ValueError(f"label_smoothing and class_weights are for cross_entropy, not for {loss}: leave them out")
        self.evaluation_loss: Callable[..., tuple[Tensor, Tensor]] = LOSSES[loss]
        self.label_smoothing = label_smoothing
        if class_weights is not None and not all(0 < weight < math.inf for weight in class_weights):
            raise ValueError(f"class_weights: expected numbers above 0, got {class_weights}")
        weights = None if class_weights is None else torch.tensor(class_weights, dtype=self.weight_dtype)
        self.register_buffer("class_weights", weights, persistent=False)
        self.loss(torch.zeros((1, num_classes), dtype=self.weight_dtype), torch.zeros(1, dtype=torch.int64))
        sgd_options = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
        }
        self.make_optimizer = optimizer_of(optimizer, sgd_options)
        trial = trial_of(self.make_optimizer, self.net)
        self.schedule = schedule_of(scheduler, scheduler_interval, scheduler_monitor, trial)
        self.clip = clipping(clip_norm, clip_value)
        self.matmul_dtype, self.captured = matmul_dtype, captured
        # What the epoch has added up to so far; in checkpoints, as a run may be resumed in the middle of an epoch.
        self.loss_sum, self.samples = 0.0, 0
        self.metric: float | None = None  # what the scheduler waits for, if it has been measured
        self.mean_loss = MeanMetric(nan_strategy="disable").set_dtype(self.weight_dtype)
        self.accuracy = MulticlassAccuracy(num_classes, average="micro")

    @property
    def loss(self) -> Callable[..., tuple[Tensor, Tensor]]:
        """What training follows; an evaluation follows the plain loss, so that different ways to train compare."""
        if self.label_smoothing == 0 and self.class_weights is None:
            return self.evaluation_loss
        return partial(self.evaluation_loss, label_smoothing=self.label_smoothing, weight=self.class_weights)

    @property
    def trained(self) -> MLP:
        """What training has come to: the average of the weights if one is kept, else the network itself."""
        return self.net if self.average is None else cast(MLP, self.average.net)

    def setup(self, stage: str) -> None:
        refuse_trainer(self.trainer, self.weight_dtype, self.matmul_dtype)
        if stage == "fit":
            refuse_metrics(self.trainer, None if self.schedule is None else self.schedule.metric)
            for callback in self.trainer.early_stopping_callbacks:
                callback.strict = False  # there is such a metric, if not at the end of every epoch or of one cut short
            refuse_single_samples(self.net, self.trainer.datamodule)  # type: ignore[attr-defined]  # set by Trainer.fit

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer(self.net.parameters())
        return optimizer if self.schedule is None else ([optimizer], [self.schedule.make(optimizer)])

    def on_train_start(self) -> None:
        optimizer = self.trainer.optimizers[0]
        # A checkpoint brings the options of its own run along with the momentum: what was asked for now is what counts.
        asked = self.make_optimizer(self.net.parameters()).param_groups[0]
        scheduled = () if self.schedule is None else self.schedule.options
        for group in optimizer.param_groups:
            group.update({key: value for key, value in asked.items() if key not in ("params", *scheduled)})
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]  # set by Trainer.fit
        self.steps = FiniteSteps(self._engine(optimizer, data))

    @property
    def engine(self) -> Engine:
        return self.steps.engine

    def _engine(self, optimizer: Optimizer, data: Any) -> Engine:
        images, targets = data.training_tensors
        return Engine(
            self.net,
            self.loss,
            optimizer,
            images,
            targets,
            block_size=data.block_size,
            captured=self.captured,
            tf32=self.matmul_dtype == "tf32",
            augment=data.deformation,
            clip=self.clip,
            average=self.average,
            replicas=Replicas() if self.trainer.world_size > 1 else None,
            normalizer=self._total_weight if self.class_weights is not None and targets.dim() == 1 else None,
        )

    def _total_weight(self, targets: Tensor) -> Tensor:
        """Return what the mean over these samples is divided by where classes have weights."""
        return cast(Tensor, self.class_weights).take(targets).sum()

    def training_step(self, block: Block, batch_idx: int) -> None:
        """Take a step for each mini-batch of the block: forward, loss, backward, update; no autograd anywhere."""
        scheduler: Any = self.lr_schedulers()
        options = None
        if self.schedule is not None and self.schedule.interval == "step":
            options = next_options(scheduler, self.schedule.options, len(block))
        step = self.trainer.global_step
        losses = self.steps.run(block, options, step)
        count_steps(self.trainer, len(losses))
        if batch_idx == 0:
            self.loss_sum, self.samples = 0.0, 0
        for loss, mini_batch in zip(losses, block.indices.split(block.batch_size), strict=True):
            self.loss_sum += loss * (block.divisor or len(mini_batch))  # a mean counts by its samples
            self.samples += len(mini_batch)
        self.log("train/step_loss", losses[-1], on_step=True, on_epoch=False, batch_size=1)
        if self.schedule is not None:
            (lr,) = scheduler.get_last_lr() if options is None else [options[-1]["lr"]]
            self.log("train/lr", lr, on_step=True, on_epoch=False, batch_size=1)

    def on_train_batch_end(self, *args: Any) -> None:
        self._stop_together()

    def _stop_together(self) -> None:
        """Stop if a callback of any process wants to, or some would wait for ever for those that have stopped."""
        if self.trainer.world_size > 1:
            self.trainer.should_stop = self.trainer.strategy.reduce_boolean_decision(
                self.trainer.should_stop, all=False
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["epoch_so_far"] = {"loss_sum": self.loss_sum, "samples": self.samples, "metric": self.metric}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.trainer.state.fn == TrainerFn.FITTING:  # for an evaluation the weights are enough
            so_far = checkpoint["epoch_so_far"]
            self.loss_sum, self.samples = float(so_far["loss_sum"]), int(so_far["samples"])
            self.metric = so_far["metric"]

    def on_train_epoch_end(self) -> None:
        mean = torch.tensor(self.loss_sum / self.samples, dtype=self.weight_dtype)
        self.log("train/loss", mean)
        if self.schedule is not None and self.schedule.interval == "epoch":
            if self.schedule.metric is None:
                advance(self.lr_schedulers())
            elif (metric := mean.item() if self.schedule.metric == "train/loss" else self.metric) is not None:
                advance(self.lr_schedulers(), metric)
        self.metric = None
        self._stop_together()

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of images whose pixels are 0..255.

        Shape:
            images: (N, ...) uint8.
            returns: (N, C).
        """
        logits: Tensor = self.trained(scale_pixels(images, self.weight_dtype))
        return logits

    def on_validation_end(self) -> None:
        if self.schedule is not None and self.schedule.metric in self.trainer.callback_metrics:
            self.metric = self.trainer.callback_metrics[self.schedule.metric].item()
        if self.trainer.state.fn == TrainerFn.FITTING:
            self._stop_together()

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


def _load_notebook_weights(net: MLP, sizes: tuple[int, ...], seed: int) -> None:
    linears = (part for part in net.modules() if isinstance(part, Linear))
    for linear, (weight, _) in zip(linears, reference.initialize_params(sizes, seed), strict=True):
        linear.weight.copy_(torch.from_numpy(weight))  # the biases are zero there as here
