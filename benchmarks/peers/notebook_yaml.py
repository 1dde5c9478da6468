"""`python train.py --config configs/notebook.yaml`, the notebook's recipe, with more epochs."""

from benchmarks.comparison.task import Task
from benchmarks.peers import TimedEpochs, train_py


def train(task: Task, timed_epochs: TimedEpochs) -> None:
    """Train epoch by epoch."""
    train_py.train(task, timed_epochs, f"--config={train_py.CONFIGS / 'notebook.yaml'}")
