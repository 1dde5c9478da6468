"""`python train.py --config configs/fast.yaml`."""

from benchmarks.comparison.task import Task
from benchmarks.peers import RECIPES, TimedEpochs, train_py


def train(task: Task, timed_epochs: TimedEpochs) -> None:
    """Train epoch by epoch."""
    epochs = f"--trainer.max_epochs={RECIPES['fast_yaml']}"
    train_py.train(task, timed_epochs, f"--config={train_py.CONFIGS / 'fast.yaml'}", epochs)
