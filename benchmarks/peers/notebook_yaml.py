"""`python train.py --config configs/notebook.yaml`, the notebook's own recipe, for longer if need be."""

from benchmarks.peers import Laps, train_py
from benchmarks.task import Task


def train(task: Task, laps: Laps) -> None:
    """Train one epoch a lap."""
    train_py.train(task, laps, f"--config={train_py.CONFIGS / 'notebook.yaml'}")
