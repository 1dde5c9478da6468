"""Torchnet's loop with eager steps."""

from benchmarks.comparison.task import Task
from benchmarks.peers import TimedEpochs, torchnet


def train(task: Task, timed_epochs: TimedEpochs) -> None:
    """Train epoch by epoch."""
    torchnet.train(task, timed_epochs, "eager")
