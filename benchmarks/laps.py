"""One lap is one epoch of one peer: the clock, the page faults and the memory around it, inside the peer's process."""

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter

from benchmarks.peers import Laps
from benchmarks.task import Task, Weights

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


@dataclass(frozen=True)
class Ready:
    """A peer waits for its first epoch.

    Args:
        seconds: what it took to build, and to compile, once libraries and data were there.
        steps: in an epoch.
        loaded_mib: the peak of the memory when libraries and data were there.
    """

    seconds: float
    steps: int
    loaded_mib: float


@dataclass(frozen=True)
class Lap:
    """An epoch.

    Args:
        seconds: of training.
        faults: page faults without a disk, while training.
        peak_mib: the peak of the memory so far.
        weights: as they are then.
    """

    seconds: float
    faults: int
    peak_mib: float
    weights: Weights


def run_peer(connection: Connection, peer: str, folder: Path) -> None:
    """Load a peer and the task, and train an epoch each time the parent says which one."""
    train = importlib.import_module(f"benchmarks.peers.{peer}").train
    task = Task.load(folder)
    train(task, _laps(connection, task))


def _laps(connection: Connection, task: Task) -> Laps:
    loaded_mib, loaded_at = _peak_mib(), perf_counter()

    def laps(weights: Callable[[], Weights]) -> Iterator[int]:
        connection.send(Ready(perf_counter() - loaded_at, len(task.batches(0)), loaded_mib))
        while True:
            epoch = connection.recv()
            faults, start = _faults(), perf_counter()
            yield epoch
            seconds, faults = perf_counter() - start, _faults() - faults
            connection.send(Lap(seconds, faults, _peak_mib(), weights()))

    return laps


def _faults() -> int:
    return getrusage(RUSAGE_SELF).ru_minflt


def _peak_mib() -> float:
    return getrusage(RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT / 2**20
