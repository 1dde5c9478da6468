"""One implementation of the step in its own process: it trains whenever the parent asks for some epochs."""

from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from pkgutil import resolve_name
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from benchmarks.comparison.task import Task, Weights
from benchmarks.gpu import IMPLEMENTATIONS


@dataclass(frozen=True)
class Kernels:
    """What the GPU does in one step.

    Args:
        number: kernels, copies and fills.
        microseconds: the sum of their times.
    """

    number: float
    microseconds: float


class Run(Protocol):
    """An implementation that is built."""

    def prepare(self, order: np.ndarray) -> Any:
        """Copy the samples of an epoch, (steps, BATCH), to the device."""

    def train(self, order: Any) -> None:
        """Take one step per row of a prepared order, and wait until the device is done."""

    def weights(self) -> Weights:
        """Return the current weights."""

    def kernels(self, order: Any) -> Kernels | None:
        """Return what the GPU does in a step; None if it cannot be seen."""


class Worker:
    """Answer the requests of the parent: the name of a method and its arguments."""

    def __init__(self, build: Callable[..., Run], task: Task, device: str, options: dict[str, Any]) -> None:
        self.task, self._build = task, lambda: build(task, device, **options)
        self.run: Run

    def build(self) -> float:
        """Build the implementation; return the seconds that it takes."""
        start = perf_counter()
        self.run = self._build()
        return perf_counter() - start

    def epochs(self, first: int, end: int) -> list[float]:
        """Train some epochs; return the seconds of each."""
        seconds = []
        for epoch in range(first, end):
            order = self.run.prepare(self.task.batches(epoch))
            start = perf_counter()
            self.run.train(order)
            seconds.append(perf_counter() - start)
        return seconds

    def weights(self) -> Weights:
        """Return the current weights."""
        return self.run.weights()

    def kernels(self) -> Kernels | None:
        """Return what the GPU does in a step."""
        return self.run.kernels(self.run.prepare(self.task.batches(0)))


def serve(connection: Connection, name: str, folder: Path, device: str) -> None:
    """Import the libraries of an implementation, say so by sending None, and answer requests from then on."""
    builder, options = IMPLEMENTATIONS[name]
    worker = Worker(resolve_name(builder), Task.load(folder), device, options)
    connection.send(None)
    while True:
        method, *arguments = connection.recv()
        connection.send(getattr(worker, method)(*arguments))
