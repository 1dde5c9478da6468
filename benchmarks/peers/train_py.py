"""`python train.py` with the default config, including progress bar, logs and checkpoints."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "30000")  # as train.py does, before torch is imported

from benchmarks.comparison.lightning_callback import EpochTimingCallback
from benchmarks.comparison.task import Task
from benchmarks.peers import TimedEpochs
from torchnet.cli.main import main

CONFIGS = Path(__file__).parents[2] / "configs"


def train(task: Task, timed_epochs: TimedEpochs, *options: str) -> None:
    """Train epoch by epoch."""
    EpochTimingCallback.timed_epochs = staticmethod(timed_epochs)
    arguments = [
        f"--trainer.max_epochs={len(task.orders)}",
        *options,
        f"--seed_everything={task.seed}",  # gives the weights and the order of the task
        f"--trainer.default_root_dir={tempfile.mkdtemp()}",  # inside the temporary folder of the benchmark
        "--trainer.callbacks+=benchmarks.comparison.lightning_callback.EpochTimingCallback",
    ]
    exit_code = main(CONFIGS, arguments)
    if exit_code != 0:
        raise RuntimeError(f"train.py ended with exit code {exit_code}")
