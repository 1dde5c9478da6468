"""The LightningModule: manual optimisation with hand-written gradients."""

from typing import Any, cast

import torch
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torch.optim import Optimizer

from torchnet.averaging import WeightAverage
from torchnet.choices import expect_one_of
from torchnet.data import Block
from torchnet.engine import Engine, Way
from torchnet.network import OPTIONS, Network
from torchnet.runs.described_network import DTYPES
from torchnet.state import TrainingState
from torchnet.training.callbacks.user_callbacks import print_speed_notice
from torchnet.training.distributed.strategy import stop_together
from torchnet.training.epoch_so_far import EpochSoFar
from torchnet.training.evaluated_module import EvaluatedModule
from torchnet.training.lightning_internals import count_steps, start_resumed_epoch
from torchnet.training.network_options import (
    Loss,
    check_own_layers,
    chosen_matmul_dtype,
    chosen_step,
    class_weight_tensor,
    initial_network,
    loss_of_task,
    training_loss,
)
from torchnet.training.nonfinite import WatchedSteps
from torchnet.training.optimizer_options import clipping, optimizer_of, override_options, trial_of
from torchnet.training.refusals import refuse_metrics, refuse_single_samples, refuse_trainer
from torchnet.training.run_engine import engine_of, way_of_steps
from torchnet.training.schedule import INTERVALS, advance, next_options, schedule_of


class Classifier(EvaluatedModule):
    """A classifier, or a regression: a network, trained with the gradients that it writes itself.

    Args:
        input_shape: the shape of a sample, or the number of its features; the data set it.
        num_classes: the number of classes, or of quantities of a regression; the data set it.
        network: mlp (Linear layers), convnet (convolutions, for images), or a network of your own, such as mynets.Net.
        hidden_sizes: of an mlp, the width of each hidden layer, or one width for all of them; [64, 64] by default.
        depth: of an mlp, the number of Linear layers; required with one width for all, redundant otherwise.
        widths: of a convnet, the channels of each stage; each one halves height and width. [32, 64] by default.
        blocks: of a convnet, the residual blocks of each stage; 1 by default.
        pooling: how a convnet halves the images: max (the default), avg, or stride (convolutions with a stride of 2).
        head: what the last layer of a convnet sees: the average of each channel (the default), or flatten, all pixels.
        activation: of the hidden layers, or of an mlp one for each: sigmoid, tanh, relu, leaky_relu, elu, gelu,
            gelu_tanh, silu, softplus, hardtanh, relu6, hardswish, mish, prelu, celu, selu, softsign, log_sigmoid,
            identity; or a layer of your own, such as mylayers.SiLU. By default sigmoid in an mlp, relu in a convnet.
        initializer: he_normal (the default), xavier_normal, xavier_uniform, lecun_normal, zeros; or, for an mlp,
            notebook: he_normal with the numbers that the notebook drew.
        normalization: of an mlp, batch_norm, layer_norm or rms_norm, before the activations. A convnet has batch_norm.
        dropout: the probability that an output of a hidden layer is dropped in training, or one for each layer; in a
            convnet, an input of the last layer. 0 by default.
        residual: of an mlp, add to each hidden layer the one before it, if both have the same width.
        loss: cross_entropy, mean_squared_error, or one_vs_rest_cross_entropy, the loss that the notebook prints. By
            default cross_entropy for classes, mean_squared_error for quantities.
        label_smoothing: the part of each target that is spread over all classes; for cross_entropy, in training.
        class_weights: the weight of each class; for cross_entropy, in training.
        lr: learning rate.
        momentum: momentum of torchnet.SGD.
        dampening: dampening of the momentum.
        weight_decay: L2 penalty on the weights.
        nesterov: use Nesterov momentum.
        optimizer: a class of torch.optim and its arguments, instead of torchnet.SGD, which has the five options above.
        scheduler: changes the learning rate, and some change the momentum; a class of torch.optim.lr_scheduler and its
            arguments. A resumed run continues the schedule that it started with.
        scheduler_interval: call the scheduler after each step or after each epoch.
        scheduler_monitor: the metric that ReduceLROnPlateau reads, after each epoch.
        clip_norm: the largest norm of all gradients together; gradients are scaled down to it.
        clip_value: the largest absolute value of an element of a gradient; larger ones are clipped.
        ema_decay: keep an exponential moving average of the weights with this decay, such as 0.999, and evaluate it.
        dtype: float32 or float64, of the weights and all arithmetic.
        matmul_dtype: round the operands of float32 matrix products to tf32 or bfloat16; faster if the processor
            supports it. auto rounds to bfloat16 if that is at least twice as fast here.
        step: how training steps are computed: eager (by Python), captured (replayed; faster, with the same bits) or
            fused (by compiled code; the fastest, with other rounding). By default fused where it is supported, else
            captured; a resumed run continues as it began.
        captured: False is short for step eager.
        seed: seed of weights and dropout.
        task: classification or regression; the data set it.

    Raises:
        ValueError: if an option has a wrong value; UsageError, when training starts: if an option of the Trainer has.
    """

    def __init__(
        self,
        input_shape: int | tuple[int, ...],
        num_classes: int,
        network: str = "mlp",
        hidden_sizes: int | list[int] | None = None,
        depth: int | None = None,
        widths: list[int] | None = None,
        blocks: int | None = None,
        pooling: str | None = None,
        head: str | None = None,
        activation: str | list[str] | None = None,
        initializer: str | None = None,
        normalization: str | None = None,
        dropout: float | list[float] | None = None,
        residual: bool | None = None,
        loss: str | None = None,
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
        step: str | None = None,
        captured: bool = True,
        seed: int = 10,
        task: str = "classification",
    ) -> None:
        arguments = locals()
        of_network = {name: arguments[name] for name in OPTIONS}
        loss = loss_of_task(loss, task)
        expect_one_of("dtype", dtype, DTYPES)
        expect_one_of("scheduler_interval", scheduler_interval, INTERVALS)
        super().__init__(task, loss, num_classes, DTYPES[dtype])
        self.matmul_dtype, self.step = chosen_matmul_dtype(matmul_dtype, dtype), chosen_step(step, captured)
        self.automatic_optimization = False
        shape = (input_shape,) if isinstance(input_shape, int) else input_shape
        self.net = initial_network(network, shape, num_classes, of_network, seed, self.weight_dtype, self.matmul_dtype)
        self.average = None if ema_decay is None else WeightAverage(self.net, ema_decay)
        self.label_smoothing = label_smoothing
        weights = class_weight_tensor(loss, class_weights, self.weight_dtype)
        self.register_buffer("class_weights", weights, persistent=False)
        self.loss(torch.zeros((1, num_classes), dtype=self.weight_dtype), torch.zeros(1, dtype=torch.int64))

        sgd = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        self.make_optimizer = optimizer_of(optimizer, {**sgd, "nesterov": nesterov})
        trial = trial_of(self.make_optimizer, self.net)
        self.schedule = schedule_of(scheduler, scheduler_interval, scheduler_monitor, trial)
        self.scheduled = () if self.schedule is None else self.schedule.options  # names of options of the optimizer
        self.clip = clipping(clip_norm, clip_value)
        self.way: Way | None = None  # how steps are computed; known before training starts
        self.epoch = EpochSoFar()  # losses and samples

    @property
    def loss(self) -> Loss:
        """The loss that training follows."""
        return training_loss(self.loss_name, self.label_smoothing, cast(Tensor | None, self.class_weights))

    @property
    def trained(self) -> Network:
        """The result of training: the average of the weights if one is kept, else the network itself."""
        return self.net if self.average is None else cast(Network, self.average.net)

    @property
    def engine(self) -> Engine:
        """The engine that runs the steps; there is one once training has started."""
        return self.steps.engine

    @property
    def state(self) -> TrainingState:
        """Every tensor that a step changes."""
        return TrainingState(self.net, self.trainer.optimizers[0], self.average)  # callbacks read it before the engine

    def setup(self, stage: str) -> None:
        refuse_trainer(self.trainer, self.weight_dtype, self.matmul_dtype)
        if stage == "fit":
            refuse_metrics(self.trainer, None if self.schedule is None else self.schedule.metric)
            for callback in self.trainer.early_stopping_callbacks:
                callback.strict = False  # the metric exists, but not at the end of every epoch, or of one cut short
            data: Any = self.trainer.datamodule  # type: ignore[attr-defined]  # set by Trainer.fit
            check_own_layers(self.net, self.loss, data.training_tensors[1], data.num_classes)
            refuse_single_samples(self.net, data)
            if self.way is None:
                self.way = way_of_steps(self, self.trainer, data)

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer(self.net.parameters())
        if self.schedule is None:
            return optimizer
        return [optimizer], [{"scheduler": self.schedule.make(optimizer), "interval": self.schedule.interval}]

    def on_train_start(self) -> None:
        print_speed_notice(self.trainer)
        self.override_options(self.trainer.optimizers[0])
        self.steps = WatchedSteps(engine_of(self, self.trainer))
        start_resumed_epoch(self.trainer)

    def override_options(self, optimizer: Optimizer) -> None:
        """Set the options of this run; a restored optimizer has those of the run that saved it."""
        override_options(optimizer, self.make_optimizer(self.net.parameters()), ("params", *self.scheduled))

    def training_step(self, block: Block, batch_idx: int) -> dict[str, Tensor]:
        """Run one step per mini-batch of the block (torchnet/step.py); log and return the loss of the last one."""
        scheduler: Any = self.lr_schedulers()
        options = None
        if self.schedule is not None and self.schedule.interval == "step":
            options = next_options(scheduler, self.scheduled, len(block))
        losses = self.steps.run(block, options, self.trainer.global_step)
        if options is not None:
            advance(scheduler)
        count_steps(self.trainer, len(losses))
        if batch_idx == 0:
            self.epoch.restart()
        self.epoch.add(losses, block)
        self.log("train/step_loss", losses[-1], on_step=True, on_epoch=False, batch_size=1)
        if self.schedule is not None:
            (lr,) = scheduler.get_last_lr() if options is None else [options[-1]["lr"]]
            self.log("train/lr", lr, on_step=True, on_epoch=False, batch_size=1)
        return {"loss": torch.tensor(losses[-1], dtype=self.weight_dtype)}

    def on_train_batch_end(self, *args: Any) -> None:
        stop_together(self.trainer)

    def on_train_epoch_end(self) -> None:
        mean = torch.tensor(self.epoch.loss, dtype=self.weight_dtype)
        self.log("train/loss", mean)
        if self.schedule is not None and self.schedule.interval == "epoch":
            if self.schedule.metric is None:
                advance(self.lr_schedulers())
            elif (metric := mean.item() if self.schedule.metric == "train/loss" else self.epoch.metric) is not None:
                advance(self.lr_schedulers(), metric)
        self.epoch.metric = None
        stop_together(self.trainer)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["epoch_so_far"] = self.epoch.as_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.trainer.state.fn == TrainerFn.FITTING:  # an evaluation needs the weights only
            self.epoch.restore(checkpoint["epoch_so_far"])

    def on_validation_end(self) -> None:
        if self.trainer.state.fn != TrainerFn.FITTING or self.trainer.sanity_checking:
            return
        if self.schedule is not None and self.schedule.metric in self.trainer.callback_metrics:
            self.epoch.metric = self.trainer.callback_metrics[self.schedule.metric].item()
        stop_together(self.trainer)
