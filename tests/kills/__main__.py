"""Kill runs of the trainer in every way that the areas below know, and see that each is resumed to the last bit.

    python -m tests.kills                     # all of them
    python -m tests.kills --only K1,K3        # those of some areas
    python -m tests.kills --sample            # those that pytest runs

The exit code is 1 if a run was not disturbed where it was meant to be, or came to anything but what it would have come
to undisturbed. The folder of such a trial is kept.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from . import chains, command_line, every_step, kill_points, planted, saves, stops
from .lab import Lab, Verdict
from .trial import Case

AREAS: dict[str, tuple[str, Callable[[bool], list[Case]]]] = {
    "K1": ("killed at a named point", kill_points.cases),
    "K2": ("the real command line, killed at a random time or stopped by a signal", command_line.cases),
    "K3": ("killed six times in a row", chains.cases),
    "K4": ("resumed from every step", every_step.cases),
    "K5": ("the calls of a save, in their order", saves.cases),
    "K8": ("broken on purpose, and noticed", planted.cases),
    "S1": ("stopped by a signal or an exception", stops.cases),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; return the exit code: 0 if nothing was missed."""
    parser = argparse.ArgumentParser("python -m tests.kills", description="Runs that are killed and resumed.")
    parser.add_argument("--only", metavar="AREAS", default=",".join(AREAS), help=f"some of {','.join(AREAS)}")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="runs at the same time (2)")
    parser.add_argument("--sample", action="store_true", help="those that pytest runs")
    options = parser.parse_args(arguments)
    areas = options.only.split(",")
    if options.jobs < 1:
        parser.error(f"--jobs: expected a whole number from 1 up, got {options.jobs}")
    if unknown := [area for area in areas if area not in AREAS]:
        parser.error(f"--only: expected some of {','.join(AREAS)}, got {','.join(unknown)}")
    folder = Path(tempfile.mkdtemp(prefix="torchnet-kills-"))
    table, misses, is_done = Table("area", "what", "cases", "disturbed", "to the bit", "seconds"), 0, False
    try:
        with Lab(folder, options.jobs) as lab:
            for area in areas:
                misses += judge(lab, area, options.sample, table)
        is_done = True
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    Console().print(table)
    if is_done and misses == 0:
        shutil.rmtree(folder)
    return 130 if not is_done else 1 if misses else 0


def judge(lab: Lab, area: str, is_sample: bool, table: Table) -> int:
    """Go through the cases of an area; print what is missed, add a row to the table, and return how many misses."""
    what, cases = AREAS[area]
    start, verdicts = time.monotonic(), list[Verdict]()
    try:
        for verdict in lab.judge(cases(is_sample)):
            verdicts.append(verdict)
            if verdict.miss is not None:
                print(verdict.miss, flush=True)
    finally:
        missed = sum(verdict.miss is not None for verdict in verdicts)
        disturbed = sum(verdict.disturbed for verdict in verdicts)
        right, seconds = f"{len(verdicts) - missed}/{len(verdicts)}", f"{time.monotonic() - start:.0f}"
        table.add_row(area, what, str(len(verdicts)), str(disturbed), right, seconds)
    return missed


if __name__ == "__main__":
    sys.exit(main())
