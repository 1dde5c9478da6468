"""The cost of saving, NaN check, report and gradient health: the default run with and without each."""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from benchmarks.child_process import Terminal, call

ROOT = Path(__file__).parent.parent
_NO_CHECKPOINTS = "--trainer.enable_checkpointing=false"
_NO_REPORT, _NO_HEALTH = "--report=false", "--gradient_health.every_n_steps=0"
# For each subcommand, its variants with their options of train.py; the last variant has none of the features.
VARIANTS: dict[str, dict[str, tuple[str, ...]]] = {
    "saving": {
        "checkpoints and NaN check": (),
        "checkpoints, no NaN check": (),
        "no checkpoints, no NaN check": (_NO_CHECKPOINTS,),
    },
    "report": {
        "report and gradient health": (),
        "report": (_NO_HEALTH,),
        "gradient health": (_NO_REPORT,),
        "neither": (_NO_REPORT, _NO_HEALTH),
    },
}


@dataclass(frozen=True)
class TimedRun:
    """The seconds of one run: of the whole command `python train.py`, and without importing libraries."""

    variant: str
    command: float
    run: float


def measure_overhead(
    variants: dict[str, tuple[str, ...]], turns: int, epochs: int, terminal: Terminal, show: Callable[[str], None]
) -> list[TimedRun]:
    """Train each variant once per turn, each time in a new process."""
    runs, names = [], list(variants)
    for turn in range(turns):
        for variant in names[turn % len(names) :] + names[: turn % len(names)]:  # rotate the order
            show(variant)
            seconds = call(terminal, f"{__name__}:seconds_of_run", variant, variants[variant], epochs)
            runs.append(TimedRun(variant, *seconds))
    return runs


def seconds_of_run(variant: str, options: tuple[str, ...], epochs: int) -> tuple[float, float]:
    """Return the seconds of `python train.py`, with and without importing libraries."""
    start = time.perf_counter()
    from torchnet.cli.main import main
    from torchnet.training.nonfinite import WatchedSteps

    if "no NaN check" in variant:  # no option turns the check off: replace it here
        WatchedSteps.run = _unwatched  # type: ignore[method-assign]
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


def overhead_table(runs: list[TimedRun]) -> Table:
    """Return the medians of each variant, and the increase over the last variant within the same turn."""
    table = Table("", "command, s", "increase", "without imports, s", "increase", box=box.SIMPLE_HEAD)
    names = list(next(variants for variants in VARIANTS.values() if runs[0].variant in variants))
    for name in names:
        cells = []
        for what in ("command", "run"):
            seconds, bare = ([getattr(run, what) for run in runs if run.variant == it] for it in (name, names[-1]))
            more = statistics.median(a / b for a, b in zip(seconds, bare, strict=True)) - 1
            cells += [f"{statistics.median(seconds):.2f}", f"{more:+.1%}"]
        table.add_row(name, *cells)
    return table
