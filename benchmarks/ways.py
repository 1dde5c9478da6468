"""What it costs that a run is saved and watched, or that it is reported on: the default run with that and without."""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from benchmarks.children import Terminal, call

ROOT = Path(__file__).parent.parent
_UNSAVED = "--trainer.enable_checkpointing=false"
_NO_REPORT, _NO_HEALTH = "--report=false", "--gradient_health.every_n_steps=0"
# By name, each way with its options; the last one does without all that the others have.
WAYS: dict[str, dict[str, tuple[str, ...]]] = {
    "saving": {"saved and watched": (), "saved, not watched": (), "not watched, not saved": (_UNSAVED,)},
    "report": {
        "report and gradient health": (),
        "report": (_NO_HEALTH,),
        "gradient health": (_NO_REPORT,),
        "neither": (_NO_REPORT, _NO_HEALTH),
    },
}


@dataclass(frozen=True)
class Timed:
    """How long a run took, in seconds: all of `python train.py`, and what is left when its libraries are loaded."""

    way: str
    command: float
    run: float


def measure_ways(
    ways: dict[str, tuple[str, ...]], turns: int, epochs: int, terminal: Terminal, show: Callable[[str], None]
) -> list[Timed]:
    """Let each way train once a turn, each time in a process of its own."""
    runs, names = [], list(ways)
    for turn in range(turns):
        for way in names[turn % len(names) :] + names[: turn % len(names)]:  # none is always the first
            show(way)
            runs.append(Timed(way, *call(terminal, f"{__name__}:seconds_of_run", way, ways[way], epochs)))
    return runs


def seconds_of_run(way: str, options: tuple[str, ...], epochs: int) -> tuple[float, float]:
    """Return the seconds of `python train.py`, with its libraries to be loaded, and without."""
    start = time.perf_counter()
    from torchnet.cli.main import main
    from torchnet.training.nonfinite import FiniteSteps

    if "not watched" in way:  # no option turns the watch off: it is taken out from here
        FiniteSteps.run = _unwatched  # type: ignore[method-assign]
    arguments = [f"--trainer.max_epochs={epochs}", f"--trainer.default_root_dir={tempfile.mkdtemp()}", *options]
    loaded = time.perf_counter()
    exit_code = main(ROOT / "configs", arguments)
    if exit_code != 0:
        raise RuntimeError(f"train.py ended with exit code {exit_code}")
    end = time.perf_counter()
    return end - start, end - loaded


def _unwatched(self: Any, block: Any, schedule: Any, step: int) -> list[float]:
    losses: list[float] = self.engine.run(block.indices, block.batch_size, block.divisor, schedule, step).tolist()
    return losses


def ways_table(runs: list[Timed]) -> Table:
    """Return the medians of each way, and by how much they are above those of the last one within the same turn."""
    table = Table("", "command, s", "more", "once loaded, s", "more", box=box.SIMPLE_HEAD)
    ways = list(next(ways for ways in WAYS.values() if runs[0].way in ways))
    for way in ways:
        cells = []
        for what in ("command", "run"):
            seconds, bare = ([getattr(run, what) for run in runs if run.way == it] for it in (way, ways[-1]))
            more = statistics.median(a / b for a, b in zip(seconds, bare, strict=True)) - 1
            cells += [f"{statistics.median(seconds):.2f}", f"{more:+.1%}"]
        table.add_row(way, *cells)
    return table
