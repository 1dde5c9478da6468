"""A step of configs/record.yaml: deformation, batch normalization, AdamW and a moving average of the weights."""

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from benchmarks.gpu.kernels import kernels_per_step, synchronize
from benchmarks.gpu.worker import Kernels
from torchnet.cli.main import main
from torchnet.network import describe_sizes

_CONFIGS = Path(__file__).parents[2] / "configs"
_REPEATS = 5
_MAX_STEPS = 100


@dataclass(frozen=True)
class RecordStep:
    """What was measured of a step.

    Args:
        way: how it is computed.
        sizes: the widths of the network, from input to output.
        batch: the number of samples.
        ms: the milliseconds of a step; the median over a few runs of many steps.
        kernels: what the GPU does in a step; None if it is not known.
        kernels_fault: why it is not known.
    """

    way: str
    sizes: tuple[int, ...]
    batch: int
    ms: float
    kernels: Kernels | None
    kernels_fault: str


class StepTimer(Callback):
    """When training ends and everything is captured and warm, take more steps with its engine and measure them."""

    measured: ClassVar[RecordStep]

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        engine, batch = pl_module.engine, trainer.datamodule.batch_size
        samples = len(engine.recipe.images)
        steps = min(_MAX_STEPS, samples // batch)
        order = torch.randperm(samples)[: steps * batch].view(steps, batch).to(engine.recipe.images.device)
        (group,) = trainer.optimizers[0].param_groups
        options = {name: group[name] for name in pl_module.scheduled}

        def run(order: Tensor) -> Tensor:
            return engine.run(order.flatten(), batch, schedule=[options] * len(order))

        times = []
        for _ in range(1 + _REPEATS):  # the first one warms up
            start = time.perf_counter()
            run(order)
            synchronize(order)
            times.append(time.perf_counter() - start)
        ms = 1000 * statistics.median(times[1:]) / steps
        kernels, fault = None, ""
        try:
            kernels = kernels_per_step(run, order)
        except Exception as error:  # a profiler that fails must not lose the time
            fault = f"{type(error).__name__}: {error}"
        sizes = tuple(map(int, describe_sizes(pl_module.net).split("-")))
        StepTimer.measured = RecordStep(pl_module.way.name, sizes, batch, ms, kernels, fault)


def measure_record(*options: str) -> RecordStep:
    """Train one epoch with configs/record.yaml and these options, then measure a step.

    Raises:
        RuntimeError: if the training fails.
    """
    arguments = [
        f"--config={_CONFIGS / 'record.yaml'}",
        "--model.step=captured",
        "--trainer.max_epochs=1",
        "--trainer.enable_checkpointing=false",
        "--report=false",
        f"--trainer.default_root_dir={tempfile.mkdtemp()}",  # inside the temporary folder of the benchmark
        "--trainer.callbacks+=benchmarks.gpu.record_step.StepTimer",
        *options,
    ]
    exit_code = main(_CONFIGS, arguments)
    if exit_code != 0:
        raise RuntimeError(f"train.py ended with exit code {exit_code}")
    return StepTimer.measured
