"""What does not go together is refused before training begins, in a sentence that says what does."""

import os
from collections.abc import Iterable
from typing import Any

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import nn

from torchnet.engine.matmul_precision import unsupported
from torchnet.layers import BatchNorm1d
from torchnet.runs.errors import UsageError
from torchnet.training.distributed.strategy import ReplicaStrategy


def refuse_trainer(trainer: Trainer, dtype: torch.dtype, matmul_dtype: str | None) -> None:
    """Raise a UsageError for settings of the Trainer that do not go with hand-written gradients or the dtypes."""
    if trainer.precision != "32-true":
        raise UsageError(
            f"trainer.precision: expected 32-true, got {trainer.precision}: hand-written gradients are not "
            "scaled or cast by Lightning; choose with --model.dtype and --model.matmul_dtype bfloat16"
        )
    if trainer.gradient_clip_val is not None:
        raise UsageError(
            f"trainer.gradient_clip_val: expected null, got {trainer.gradient_clip_val}: Lightning does not clip "
            "hand-written gradients; choose --model.clip_norm or --model.clip_value"
        )
    if not isinstance(trainer.strategy, (SingleDeviceStrategy, ReplicaStrategy)):
        raise UsageError(
            f"trainer.strategy: expected auto, got {type(trainer.strategy).__name__}: hand-written gradients are "
            "summed over devices by torchnet itself; leave it out"
        )
    refuse_lone_processes(trainer)
    device = trainer.strategy.root_device
    if device.type == "mps" and dtype == torch.float64:
        raise UsageError("dtype: this GPU has no float64: choose --trainer.accelerator cpu, or float32")
    if (reason := unsupported(matmul_dtype, device)) is not None:
        raise UsageError(f"matmul_dtype: {reason}: leave it out")


def refuse_lone_processes(trainer: Trainer) -> None:
    """Raise a UsageError if what started this process has started others, with which it is not to train together."""
    for started_by, detect, number in (
        ("torchrun", TorchElasticEnvironment.detect, "WORLD_SIZE"),
        ("srun", SLURMEnvironment.detect, "SLURM_STEP_NUM_TASKS"),
    ):
        if detect() and int(os.environ.get(number, "1")) != trainer.world_size:
            raise UsageError(
                f"trainer.devices: {started_by} has started {os.environ[number]} processes, and {trainer.world_size} "
                "would work together: train with --trainer.devices processes on each of --trainer.num_nodes machines, "
                "and do what is no training in one process"
            )


def refuse_callbacks(callbacks: Iterable[Any]) -> None:
    """Raise a UsageError for a callback that saves checkpoints from which a resume would not be exact."""
    for callback in callbacks:
        if isinstance(callback, Checkpoint):
            raise UsageError(
                f"trainer.callbacks: {type(callback).__name__} saves in the midst of what belongs to a step, where a "
                "resume is not exact: leave it out, and choose --checkpoints.every_n_steps, every_n_epochs, "
                "every_n_seconds and keep"
            )


def refuse_metrics(trainer: Any, scheduler_metric: str | None) -> None:
    """Raise a UsageError if early stopping or a scheduler waits for a metric that there will not be."""
    asked = [("EarlyStopping", callback.monitor) for callback in trainer.early_stopping_callbacks]
    if scheduler_metric is not None:
        asked.append(("scheduler_monitor", scheduler_metric))
    for callback in trainer.early_stopping_callbacks:
        if callback.monitor == "train/loss" and not callback._check_on_train_epoch_end:
            raise UsageError(
                "EarlyStopping: train/loss is known at the end of an epoch, but it would be looked for after a "
                "validation: set --trainer.callbacks.check_on_train_epoch_end true"
            )
    validates = trainer.datamodule.validates and trainer.limit_val_batches != 0
    known = ("train/loss", *(("val/loss", "val/accuracy") if validates else ()))
    for name, metric in asked:
        if metric not in known:
            hint = "" if validates else ": with --data.validation_fraction 0.1 there are val/loss and val/accuracy, too"
            raise UsageError(f"{name}: expected a metric among {', '.join(known)}, got {metric}{hint}")


def refuse_single_samples(net: nn.Module, data: Any) -> None:
    """Raise a UsageError if a mini-batch would be a single sample and a layer takes the variance over them."""
    samples = len(data.train_dataloader().order(0))  # of an epoch
    has_single = 1 in (data.batch_size, samples % data.batch_size)
    if has_single and any(isinstance(part, BatchNorm1d) for part in net.modules()):
        raise UsageError(
            "batch_size: expected one that leaves no mini-batch of a single sample, of which BatchNorm1d cannot tell a "
            f"variance, got {data.batch_size} for {samples} training images an epoch"
        )
