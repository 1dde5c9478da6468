"""What it costs that a run is saved and watched, and that it is reported on: the default run with that and without."""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.table import Table

from benchmarks.children import Terminal, call
from benchmarks.depth import ROOT

WAYS = {  # the last one does without
    "saving": ("saved and watched", "saved", "neither"),
    "report": ("report and gradient health", "report", "gradient health", "neither "),
}
_WITHOUT_REPORT, _WITHOUT_HEALTH = "--report=false", "--gradient_health.every_n_steps=0"
_OPTIONS = {  # of each way
    "neither": ["--trainer.enable_checkpointing=false"],
    "report": [_WITHOUT_HEALTH],
    "gradient health": [_WITHOUT_REPORT],
    "neither ": [_WITHOUT_REPORT, _WITHOUT_HEALTH],
}


@dataclass(frozen=True)
class Timed:
    """How long a run took, in seconds."""

    way: str
    seconds: float


def measure_ways(
    ways: tuple[str, ...], turns: int, epochs: int, terminal: Terminal, show: Callable[[str], None]
) -> list[Timed]:
    """Let each way train once a turn, each time in a process of its own."""
    runs = []
    for turn in range(turns):
        for way in ways[turn % len(ways) :] + ways[: turn % len(ways)]:  # none is always the first
            show(way)
            runs.append(Timed(way, call(terminal, f"{__name__}:seconds_of_run", way, epochs)))
    return runs


def seconds_of_run(way: str, epochs: int) -> float:
    """Return the seconds of `python train.py`, from its arguments to its report, once all libraries are loaded."""
    from torchnet.training.cli import main
    from torchnet.training.finite import FiniteSteps

    arguments = [f"--trainer.max_epochs={epochs}", f"--trainer.default_root_dir={tempfile.mkdtemp()}"]
    arguments += _OPTIONS.get(way, [])
    if way in ("saved", "neither"):  # no option turns the watch off: it is taken out from here
        FiniteSteps.run = _unwatched  # type: ignore[method-assign]
    start = time.perf_counter()
    exit_code = main(ROOT / "configs", arguments)
    if exit_code != 0:
        raise RuntimeError(f"train.py ended with exit code {exit_code}")
    return time.perf_counter() - start


def _unwatched(self: Any, block: Any, schedule: Any, step: int) -> list[float]:
    losses: list[float] = self.engine.run(block.indices, block.batch_size, block.divisor, schedule, step).tolist()
    return losses


def ways_table(ways: tuple[str, ...], runs: list[Timed]) -> Table:
    """Return the median of each way, and by how much it is above that of the last one within the same turn."""
    table = Table("", "median, s", "fastest, s", "more than neither", box=box.SIMPLE_HEAD)
    bare = [run.seconds for run in runs if run.way == ways[-1]]
    for way in ways:
        seconds = [run.seconds for run in runs if run.way == way]
        more = statistics.median(a / b for a, b in zip(seconds, bare, strict=True)) - 1
        table.add_row(way, f"{statistics.median(seconds):.3f}", f"{min(seconds):.3f}", f"{more:+.1%}")
    return table
