"""The rows of the comparison table, computed from the epochs of each peer."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from benchmarks.comparison.compare import Result
from benchmarks.comparison.task import TARGET
from benchmarks.peers import BASELINE, PEERS, RATIOS


@dataclass(frozen=True)
class Summary:
    """A row of the table; times in milliseconds, memory in MiB.

    Args:
        peer: the name of the peer.
        label: its name in the table.
        fault: why there are no measurements; empty if there are.
        ms: the median time per epoch, without the first epoch, which warms up.
        quartiles: the quartiles of the time per epoch.
        ratio: `ms` relative to torchnet's fused loop; None if that was not measured.
        step_ms: the median time per epoch divided by the number of steps.
        accuracy: the test accuracy after the last epoch; None if nothing was trained.
        epochs_to_target: the epochs until the target accuracy; None if it is not reached.
        seconds_to_target: the training time until the target accuracy, without evaluation.
        seconds: the training time of all epochs.
        ready_seconds: the time to build and compile.
        peak_mib: the peak memory of the process.
        own_mib: the part of it above the peak after libraries and data were loaded.
        faults: page faults per step, the median over the second half of the epochs.
    """

    peer: str
    label: str
    fault: str = ""
    ms: float = 0
    quartiles: tuple[float, float] = (0, 0)
    ratio: float | None = None
    step_ms: float = 0
    accuracy: float | None = None
    epochs_to_target: int | None = None
    seconds_to_target: float | None = None
    seconds: float = 0
    ready_seconds: float = 0
    peak_mib: float = 0
    own_mib: float = 0
    faults: float = 0


@dataclass(frozen=True)
class Ratio:
    """The median time per epoch of one peer relative to that of another one.

    Args:
        name: the labels of both, "JAX, jit and scan / torchnet, fused".
        value: the first median divided by the second.
        quartiles: the quartiles of this ratio within a round; a slow moment of the machine affects both peers.
    """

    name: str
    value: float
    quartiles: tuple[float, float]


def summarize(results: Sequence[Result]) -> list[Summary]:
    """Return one row per peer."""
    medians = {result.peer: _median_ms(result) for result in results if not result.fault}
    return [_summarize(result, medians.get(BASELINE)) for result in results]


def ratios(results: Sequence[Result]) -> list[Ratio]:
    """Return the ratios of `benchmarks.peers.RATIOS` between peers that were measured."""
    measured = {result.peer: result for result in results if not result.fault}
    rows = []
    for peer, other in RATIOS:
        if peer in measured and other in measured:
            one, two = _epochs_ms(measured[peer]), _epochs_ms(measured[other])
            low, high = np.percentile([a / b for a, b in zip(one, two, strict=True)], [25, 75])
            value = _median_ms(measured[peer]) / _median_ms(measured[other])
            rows.append(Ratio(f"{PEERS[peer]} / {PEERS[other]}", value, (float(low), float(high))))
    return rows


def _summarize(result: Result, baseline: float | None) -> Summary:
    label = PEERS.get(result.peer, f"configs/{result.peer.replace('_', '.')}")
    if result.fault or result.ready is None:
        return Summary(result.peer, label, result.fault)
    ms = _median_ms(result)
    low, high = np.percentile(_epochs_ms(result), [25, 75])
    reached = next((epoch for epoch, accuracy in enumerate(result.accuracies) if accuracy >= TARGET), None)
    seconds = list(accumulate(epoch.seconds for epoch in result.epochs))
    later = result.epochs[len(result.epochs) // 2 :]
    return Summary(
        peer=result.peer,
        label=label,
        ms=ms,
        quartiles=(float(low), float(high)),
        ratio=None if baseline is None else ms / baseline,
        step_ms=ms / result.ready.steps,
        accuracy=result.accuracies[-1] if result.accuracies else None,
        epochs_to_target=None if reached is None else reached + 1,
        seconds_to_target=None if reached is None else seconds[reached],
        seconds=seconds[-1],
        ready_seconds=result.ready.seconds,
        peak_mib=result.epochs[-1].peak_mib,
        own_mib=result.epochs[-1].peak_mib - result.ready.loaded_mib,
        faults=float(np.median([epoch.faults for epoch in later])) / result.ready.steps,
    )


def _epochs_ms(result: Result) -> list[float]:
    epochs = result.epochs[1:] or result.epochs
    return [epoch.seconds * 1000 for epoch in epochs]


def _median_ms(result: Result) -> float:
    return float(np.median(_epochs_ms(result)))
