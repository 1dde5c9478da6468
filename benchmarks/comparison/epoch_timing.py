"""Measure one peer, inside its process: the time, page faults and memory of each epoch."""

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter

from benchmarks.comparison.task import Task, Weights
from benchmarks.peers import TimedEpochs

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


@dataclass(frozen=True)
class Ready:
    """A peer is ready for its first epoch.

    Args:
        seconds: the time to build and compile, after libraries and data were loaded.
        steps: the number of steps per epoch.
        loaded_mib: the peak memory after libraries and data were loaded.
    """

    seconds: float
    steps: int
    loaded_mib: float


@dataclass(frozen=True)
class EpochTiming:
    """What was measured of one epoch.

    Args:
        seconds: the training time.
        faults: the number of minor page faults while training.
        peak_mib: the peak memory of the process so far.
        weights: the weights after the epoch; none if nothing is trained.
    """

    seconds: float
    faults: int
    peak_mib: float
    weights: Weights


def run_peer(connection: Connection, peer: str, folder: Path) -> None:
    """Load a peer and the task, then train one epoch each time the parent sends its number."""
    train = importlib.import_module(f"benchmarks.peers.{peer}").train
    task = Task.load(folder)
    train(task, _timed_epochs(connection, task))


def _timed_epochs(connection: Connection, task: Task) -> TimedEpochs:
    loaded_mib, loaded_at = _peak_mib(), perf_counter()

    def timed_epochs(weights: Callable[[], Weights]) -> Iterator[int]:
        connection.send(Ready(perf_counter() - loaded_at, len(task.batches(0)), loaded_mib))
        while True:
            epoch = connection.recv()
            faults, start = _faults(), perf_counter()
            yield epoch
            seconds, faults = perf_counter() - start, _faults() - faults
            connection.send(EpochTiming(seconds, faults, _peak_mib(), weights()))

    return timed_epochs


def _faults() -> int:
    return getrusage(RUSAGE_SELF).ru_minflt


def _peak_mib() -> float:
    return getrusage(RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT / 2**20
