"""What the table says about a peer, computed from its laps."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from benchmarks.peers import BASELINE, PEERS
from benchmarks.race import Result
from benchmarks.task import TARGET


@dataclass(frozen=True)
class Summary:
    """A row of the table; times in milliseconds, memory in MiB.

    Args:
        peer: its name.
        label: its name in words.
        fault: why there are no numbers; empty if there are.
        ms: the median of an epoch; the first one warms up and is left out.
        quartiles: of an epoch.
        ratio: the median over that of torchnet's loop; None without that.
        step_ms: the median of an epoch over its steps.
        accuracy: at the end.
        epochs_to_target: until the test accuracy is reached; None if it never is.
        seconds_to_target: of training, without the evaluations.
        seconds: of training in all.
        ready_seconds: what it took to build and to compile.
        peak_mib: of the process.
        own_mib: how much of that is above the peak when libraries and data were loaded.
        faults: page faults a step, the median of the second half of the epochs.
    """

    peer: str
    label: str
    fault: str = ""
    ms: float = 0
    quartiles: tuple[float, float] = (0, 0)
    ratio: float | None = None
    step_ms: float = 0
    accuracy: float = 0
    epochs_to_target: int | None = None
    seconds_to_target: float | None = None
    seconds: float = 0
    ready_seconds: float = 0
    peak_mib: float = 0
    own_mib: float = 0
    faults: float = 0


@dataclass(frozen=True)
class Way:
    """A way to take the step, and what was measured.

    Args:
        label: what it is.
        ms: the median of an epoch; the first one warms up, compiles and captures, and is left out.
        first_ms: of the first epoch.
        seconds: of all epochs but what the first one took longer than the median.
        accuracy: on the test images, at the end.
    """

    label: str
    ms: float
    first_ms: float
    seconds: float
    accuracy: float


def summarize(results: Sequence[Result]) -> list[Summary]:
    """Return a row for each result of a race."""
    medians = {result.peer: _median_ms(result) for result in results if not result.fault}
    return [_summarize(result, medians.get(BASELINE)) for result in results]


def _summarize(result: Result, baseline: float | None) -> Summary:
    label = PEERS.get(result.peer, f"configs/{result.peer.replace('_', '.')}")
    if result.fault or result.ready is None:
        return Summary(result.peer, label, result.fault)
    ms = _median_ms(result)
    low, high = np.percentile(_epochs_ms(result), [25, 75])
    reached = next((epoch for epoch, accuracy in enumerate(result.accuracies) if accuracy >= TARGET), None)
    seconds = list(accumulate(lap.seconds for lap in result.laps))
    later = result.laps[len(result.laps) // 2 :]
    return Summary(
        peer=result.peer,
        label=label,
        ms=ms,
        quartiles=(float(low), float(high)),
        ratio=None if baseline is None else ms / baseline,
        step_ms=ms / result.ready.steps,
        accuracy=result.accuracies[-1],
        epochs_to_target=None if reached is None else reached + 1,
        seconds_to_target=None if reached is None else seconds[reached],
        seconds=seconds[-1],
        ready_seconds=result.ready.seconds,
        peak_mib=result.laps[-1].peak_mib,
        own_mib=result.laps[-1].peak_mib - result.ready.loaded_mib,
        faults=float(np.median([lap.faults for lap in later])) / result.ready.steps,
    )


def _epochs_ms(result: Result) -> list[float]:
    laps = result.laps[1:] or result.laps
    return [lap.seconds * 1000 for lap in laps]


def _median_ms(result: Result) -> float:
    return float(np.median(_epochs_ms(result)))
