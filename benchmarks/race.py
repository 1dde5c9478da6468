"""The race: the peers take turns, an epoch each, so that whatever slows the machine down slows all of them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.children import Child, ChildError, Terminal
from benchmarks.laps import Lap, Ready
from benchmarks.task import Task

_PAUSE = 0.1  # seconds, for the threads of the last one to fall asleep


@dataclass
class Result:
    """What became of a peer: its laps, or why it did not get that far."""

    peer: str
    ready: Ready | None = None
    laps: list[Lap] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    fault: str = ""


def race(epochs: Mapping[str, int], folder: Path, terminal: Terminal, show: Callable[[str], None]) -> list[Result]:
    """Train each peer in a process of its own and return the results, in the order of the peers.

    Args:
        epochs: how many each peer, a module in `benchmarks.peers`, is to train.
        folder: of the task.
        terminal: what the peers write to.
        show: is told the peer before each of its laps; the lap that makes it ready is the first.
    """
    results = [Result(peer) for peer in epochs]
    task = Task.load(folder)
    children: dict[str, Child] = {}
    try:
        for result in results:
            show(result.peer)
            children[result.peer] = Child(terminal, "benchmarks.laps:run_peer", result.peer, folder)
            _turn(result, children[result.peer], None, task)
        for epoch in range(max(epochs.values())):
            first = epoch % len(results)  # nobody always follows the same one
            for result in results[first:] + results[:first]:
                if epoch < epochs[result.peer]:
                    show(result.peer)
                    _turn(result, children[result.peer], epoch, task)
    finally:
        for child in children.values():
            child.kill()
    return results


def _turn(result: Result, child: Child, epoch: int | None, task: Task) -> None:
    """Wait until a peer is ready, or let it train an epoch."""
    if result.fault:
        return
    time.sleep(_PAUSE)
    try:
        if epoch is None:
            result.ready = child.receive()
        else:
            lap = child.ask(epoch)
            result.accuracies.append(task.accuracy(lap.weights))  # here: it leaves the peer's memory as it is
            result.laps.append(replace(lap, weights=[]))
    except ChildError as error:
        result.fault = str(error)
