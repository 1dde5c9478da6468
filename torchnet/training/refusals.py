"""Settings that do not work together are refused before training starts, with a message that says what works."""

import copy
import os
from typing import Any

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
from pytorch_lightning.strategies import SingleDeviceStrategy

from torchnet.engine.matmul_precision import unsupported
from torchnet.layers import BatchNorm1d, BatchNorm2d
from torchnet.network import Network
from torchnet.runs.errors import UsageError
from torchnet.training.distributed.strategy import ReplicaStrategy
from torchnet.training.lightning_internals import reads_metric_after_epoch
from torchnet.training.trainer_options import refuse_options_of, refused_strategy

_MOST_PROCESSES = 16  # on a CPU with few cores: more than that only wait for each other


def refuse_trainer(trainer: Trainer, dtype: torch.dtype, matmul_dtype: str | None) -> None:
    """Raise a UsageError for settings of the Trainer that do not work with hand-written gradients or the dtypes."""
    refuse_options_of(trainer)
    if not isinstance(trainer.strategy, (SingleDeviceStrategy, ReplicaStrategy)):
        raise refused_strategy(type(trainer.strategy).__name__)
    refuse_lone_processes(trainer)
    device, cores = trainer.strategy.root_device, os.cpu_count() or 1
    if device.type == "cpu" and trainer.num_devices > (most := max(_MOST_PROCESSES, 4 * cores)):
        raise UsageError(
            f"trainer.devices: expected at most {most} processes on {cores} cores, got {trainer.num_devices}"
        )
    if device.type == "mps" and dtype == torch.float64:
        raise UsageError("dtype: this GPU has no float64: choose --trainer.accelerator cpu, or float32")
    if (reason := unsupported(matmul_dtype, device)) is not None:
        raise UsageError(f"matmul_dtype: {reason}: leave it out")


def refuse_lone_processes(trainer: Trainer) -> None:
    """Raise a UsageError if torchrun or SLURM has started more processes than would train together."""
    for started_by, detect, number in (
        ("torchrun", TorchElasticEnvironment.detect, "WORLD_SIZE"),
        ("srun", SLURMEnvironment.detect, "SLURM_STEP_NUM_TASKS"),
    ):
        if detect() and int(os.environ.get(number, "1")) != trainer.world_size:
            raise UsageError(
                f"trainer.devices: {started_by} has started {os.environ[number]} processes, but {trainer.world_size} "
                "would work together: train with --trainer.devices processes on each of --trainer.num_nodes machines; "
                "run other commands in one process"
            )


def refuse_metrics(trainer: Any, scheduler_metric: str | None) -> None:
    """Raise a UsageError if early stopping or a scheduler monitors a metric that will not exist."""
    asked = [("EarlyStopping", callback.monitor) for callback in trainer.early_stopping_callbacks]
    if scheduler_metric is not None:
        asked.append(("scheduler_monitor", scheduler_metric))
    if trainer.barebones and asked:
        raise UsageError(
            f"trainer.barebones: {asked[0][0]} needs metrics, and there are none then: leave one of them out"
        )
    if trainer.datamodule.validates and 0 < trainer.overfit_batches < 1:
        raise UsageError(
            f"trainer.overfit_batches: expected a number of mini-batches, got the fraction {trainer.overfit_batches}: "
            "the validation set is a single mini-batch, of which there is no fraction"
        )
    for callback in trainer.early_stopping_callbacks:
        if callback.monitor == "train/loss" and not reads_metric_after_epoch(callback):
            raise UsageError(
                "EarlyStopping: train/loss is known at the end of an epoch, but would be read after a validation: set "
                "--trainer.callbacks.check_on_train_epoch_end true"
            )
    validates = trainer.datamodule.validates and trainer.limit_val_batches != 0
    score = f"val/{trainer.lightning_module.score_name}"
    known = ("train/loss", *(("val/loss", score) if validates else ()))
    for name, metric in asked:
        if metric not in known:
            hint = "" if validates else f": for val/loss and {score} set --data.validation_fraction 0.1"
            raise UsageError(f"{name}: expected a metric among {', '.join(known)}, got {metric}{hint}")


def refuse_single_samples(net: Network, data: Any) -> None:
    """Raise a UsageError if a mini-batch would be a single sample and a layer needs the variance over samples."""
    samples = len(data.train_dataloader().order(0))  # of an epoch
    norms = [type(part).__name__ for part in net.modules() if isinstance(part, (BatchNorm1d, BatchNorm2d))]
    if 1 not in (data.batch_size, samples % data.batch_size) or not norms:
        return
    single = torch.zeros((1, *(net.input_shape or ())), dtype=next(net.parameters()).dtype)
    try:
        copy.deepcopy(net).cpu().train()(single)  # the images of a batch norm may have several pixels
    except ValueError as error:
        raise UsageError(
            "batch_size: expected a size that leaves no mini-batch of a single sample, which has no variance for "
            f"{norms[0]}, got {data.batch_size} for {samples} training samples per epoch"
        ) from error
