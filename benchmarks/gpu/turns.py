"""Let the implementations take turns: all of them are loaded, and one trains while the others wait."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from benchmarks.child_process import ChildError
from benchmarks.comparison.task import Task
from benchmarks.gpu.worker import Kernels

# The first epoch of a turn pays for the change from one process to another. It is not the median.
EPOCHS_PER_TURN = 4
_LIMIT = 100  # seconds for an answer; compiling takes the longest


class Child(Protocol):
    """The process of an implementation, as in `benchmarks.child_process`."""

    def receive(self, limit: float | None = None) -> Any:
        """Return the next message."""

    def ask(self, request: object, limit: float | None = None) -> Any:
        """Send a request and return the answer."""


@dataclass
class GpuTimes:
    """What was measured of one implementation of the step.

    Args:
        label: its name in the table.
        build: the seconds of building it before the first epoch, with the start of CUDA.
        seconds: the seconds of each epoch. The first one warms up, compiles and captures.
        ms: the median milliseconds of an epoch, without the first one.
        step_us: the median microseconds of a step.
        accuracy: the test accuracy after the last epoch.
        kernels: what the GPU does in a step; None if it is not known.
        fault: why there are no measurements; empty if there are.
        kernels_fault: why `kernels` is not known.
    """

    label: str
    build: float = 0
    seconds: list[float] = field(default_factory=list)
    ms: float = 0
    step_us: float = 0
    accuracy: float = 0
    kernels: Kernels | None = None
    fault: str = ""
    kernels_fault: str = ""


def measure(
    labels: Sequence[str], start: Callable[[str], Child], task: Task, epochs: int, show: Callable[[str], None]
) -> list[GpuTimes]:
    """Measure implementations; one that fails says why in its row, and the others go on.

    Args:
        labels: their names.
        start: starts the process of an implementation; all are started at once, so that they import together.
        task: the task of all.
        epochs: the number of epochs of each.
        show: called with a label before something is measured: `number_of_shown` times.
    """
    rows = [GpuTimes(label) for label in labels]
    children = {label: start(label) for label in labels}

    def try_all(rows: Sequence[GpuTimes], measure_one: Callable[[GpuTimes, Child], None]) -> None:
        for row in rows:
            show(row.label)
            if not row.fault:
                try:
                    measure_one(row, children[row.label])
                except ChildError as error:
                    row.fault = str(error)

    try_all(rows, lambda row, child: child.receive(_LIMIT))
    try_all(rows, _build)
    for turn, first in enumerate(range(0, epochs, EPOCHS_PER_TURN)):
        end, place = min(first + EPOCHS_PER_TURN, epochs), turn % len(rows)
        # Rotate the order: none always follows the same other one.
        try_all(rows[place:] + rows[:place], partial(_train, first=first, end=end))
    try_all(rows, partial(_evaluate, task=task))
    return rows


def number_of_shown(labels: int, epochs: int) -> int:
    """Return how often `measure` shows something."""
    return labels * (3 + -(-epochs // EPOCHS_PER_TURN))


def _ask(child: Child, *request: object) -> Any:
    return child.ask(request, _LIMIT)


def _build(row: GpuTimes, child: Child) -> None:
    row.build = _ask(child, "build")


def _train(row: GpuTimes, child: Child, first: int, end: int) -> None:
    row.seconds += _ask(child, "epochs", first, end)


def _evaluate(row: GpuTimes, child: Child, task: Task) -> None:
    """Evaluate times and weights, and only then look at the kernels: a profiler slows down what follows."""
    row.ms = 1000 * statistics.median(row.seconds[1:] or row.seconds)
    row.step_us = 1000 * row.ms / len(task.batches(0))
    row.accuracy = task.accuracy(_ask(child, "weights"))
    try:
        row.kernels = _ask(child, "kernels")
    except ChildError as error:
        row.kernels_fault = str(error)
