"""Let the peers train one epoch at a time, in turns, so that any slowdown of the machine affects all of them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.child_process import Child, ChildError, Terminal
from benchmarks.comparison.epoch_timing import EpochTiming, Ready
from benchmarks.comparison.task import Task

_PAUSE = 0.1  # seconds, so that the threads of the previous peer go idle


@dataclass
class Result:
    """What was measured of one peer; `fault` says why it failed, if it did."""

    peer: str
    ready: Ready | None = None
    epochs: list[EpochTiming] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    fault: str = ""


def compare(epochs: Mapping[str, int], folder: Path, terminal: Terminal, show: Callable[[str], None]) -> list[Result]:
    """Train each peer in its own process and return the results, in the order of the peers.

    Args:
        epochs: the number of epochs for each peer, a module in `benchmarks.peers`.
        folder: the folder with the task.
        terminal: the terminal that the peers write to.
        show: called with the peer's name before its process starts and before each of its epochs.
    """
    results = [Result(peer) for peer in epochs]
    task = Task.load(folder)
    children: dict[str, Child] = {}
    try:
        for result in results:
            show(result.peer)
            children[result.peer] = Child(terminal, "benchmarks.comparison.epoch_timing:run_peer", result.peer, folder)
            _turn(result, children[result.peer], None, task)
        for epoch in range(max(epochs.values())):
            first = epoch % len(results)  # rotate the order: no peer always follows the same other one
            for result in results[first:] + results[:first]:
                if epoch < epochs[result.peer]:
                    show(result.peer)
                    _turn(result, children[result.peer], epoch, task)
    finally:
        for child in children.values():
            child.kill()
    return results


def _turn(result: Result, child: Child, epoch: int | None, task: Task) -> None:
    """Wait until a peer is ready (epoch None), or let it train one epoch."""
    if result.fault:
        return
    time.sleep(_PAUSE)
    try:
        if epoch is None:
            result.ready = child.receive()
        else:
            timing = child.ask(epoch)
            if timing.weights:
                result.accuracies.append(task.accuracy(timing.weights))  # in this process: not in the peer's memory
            result.epochs.append(replace(timing, weights=[]))
    except ChildError as error:
        result.fault = str(error)
