"""`python train.py --config configs/fast.yaml`."""

from benchmarks.peers import RECIPES, Laps, train_py
from benchmarks.task import Task


def train(task: Task, laps: Laps) -> None:
    """Train one epoch a lap."""
    epochs = f"--trainer.max_epochs={RECIPES['fast_yaml']}"
    train_py.train(task, laps, f"--config={train_py.CONFIGS / 'fast.yaml'}", epochs)
