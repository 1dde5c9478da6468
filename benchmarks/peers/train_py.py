"""`python train.py` as it is: the default configuration with its bar, logs and checkpoints."""

import tempfile
from pathlib import Path

from benchmarks.peers import Laps
from benchmarks.task import Task
from benchmarks.turns import Turns
from torchnet.cli.main import main

CONFIGS = Path(__file__).parents[2] / "configs"


def train(task: Task, laps: Laps, *options: str) -> None:
    """Train one epoch a lap."""
    Turns.laps = staticmethod(laps)
    arguments = [
        f"--trainer.max_epochs={len(task.orders)}",
        *options,
        f"--seed_everything={task.seed}",  # with it the weights and the order are those of the task
        f"--trainer.default_root_dir={tempfile.mkdtemp()}",  # within the folder that goes when the race is over
        "--trainer.callbacks+=benchmarks.turns.Turns",
    ]
    exit_code = main(CONFIGS, arguments)
    if exit_code != 0:
        raise RuntimeError(f"train.py ended with exit code {exit_code}")
