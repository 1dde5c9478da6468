"""Check every function in float64 and in float32; print false alarms and misses.

`python -m tests.checking.torch_functions [names of functions]`
"""

import statistics
import sys
import warnings

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from .catalog import CASES, KNOWN
from .judge import Verdict, judge


def failures(verdict: Verdict) -> list[tuple[str, str]]:
    """Return what went wrong: a kind and its text."""
    found = [("false alarm: pair", verdict.pair), ("false alarm: alone", verdict.alone)]
    return [(kind, text) for kind, text in found if text] + [("MISS", "one element off by 1e-3")] * verdict.missed


def main(names: list[str]) -> int:
    """Return 1 if there is a miss, or a false alarm that is not in KNOWN."""
    warnings.simplefilter("ignore")
    console = Console(width=None if sys.stdout.isatty() else 200)
    jobs = [(CASES[name], dtype) for name in names or CASES for dtype in (torch.float64, torch.float32)]
    verdicts = [judge(*job) for job in track(jobs, "Checking", console=console, disable=not console.is_terminal)]
    table = Table("function", "dtype", "what", "first line of the diagnosis")
    counts = {"false alarm: pair": 0, "false alarm: alone": 0, "MISS": 0, "known": 0}
    for verdict in verdicts:
        for kind, text in failures(verdict):
            is_known = kind != "MISS" and verdict.case.name in KNOWN
            counts["known" if is_known else kind] += 1
            text = f"known: {KNOWN[verdict.case.name]}" if is_known else text.splitlines()[0]
            table.add_row(verdict.case.name, str(verdict.dtype).removeprefix("torch."), kind, text[:300])
    if table.rows:
        console.print(table, markup=False)
    alarmed = {verdict.case.name for verdict in verdicts if failures(verdict)}
    for name in {verdict.case.name for verdict in verdicts} & KNOWN.keys() - alarmed:
        console.print(f"{name} passes: remove it from KNOWN")
    seconds = [second for verdict in verdicts for second in verdict.seconds]
    console.print(
        f"{len(jobs) // 2} functions in float64 and float32: "
        + ", ".join(f"{kind}: {count}" for kind, count in counts.items())
        + f"; median {statistics.median(seconds):.3f} s per check, longest {max(seconds):.2f} s"
    )
    return int(any(count for kind, count in counts.items() if kind != "known"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
