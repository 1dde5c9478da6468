"""Runs as tables for a terminal: all runs of a folder, and the results of some runs."""

import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from torchnet.data import DataError
from torchnet.printable import printable
from torchnet.reporting.comparison import compare, differences, results
from torchnet.reporting.run_data import RunData
from torchnet.runs.errors import UsageError
from torchnet.runs.folders import folders_of_runs
from torchnet.runs.record import read_outline

_LONGEST_REASON = 200  # characters


def print_runs(root: Path, name: str, console: Console) -> int:
    """Print a table of the runs of each name, the newest run last; return how many there are.

    A run that cannot be read is one line on stderr.

    Args:
        root: the folder of all runs.
        name: the name of the runs; "*" for all.
        console: where to print.
    """
    runs = [run for folder in folders_of_runs(root, name) if (run := _readable(folder)) is not None]
    places = list(dict.fromkeys(run.folder.parent for run in reversed(runs)))[::-1]
    for place in places:
        group = [run for run in runs if run.folder.parent == place]
        compared = sorted(compare(group), key=lambda it: group.index(it.run))
        columns = [("run", [printable(run.folder.name) for run in group])]
        if differences(group):
            columns.append(("options that differ", [it.label for it in compared]))
        found = dict(results(compared))
        columns += [(title, found[title]) for title in (next(iter(found)), "epochs", "time")]
        console.print(Text(printable(place), style="bold"))
        console.print(table_of(columns))
        console.print()
    return len(runs)


def table_of(columns: Sequence[tuple[str, Sequence[str]]]) -> Table:
    """Return a table of columns, each with its title. Where it is too wide, the names and values of options wrap."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for title, _ in columns:
        is_text = title == "run" or title.startswith("options")
        table.add_column(Text(title), justify="left" if is_text else "right", no_wrap=title == "run", overflow="fold")
    for row in zip(*(cells for _, cells in columns), strict=True):
        table.add_row(*map(Text, row))
    return table


def _readable(folder: Path) -> RunData | None:
    """Return the data of a run; None, and a line on stderr, if a file of it cannot be read."""
    try:
        run = read_outline(folder)
        run.read()
    except (DataError, UsageError, OSError, ValueError) as error:
        print(f"skipped: {shorten(printable(error), _LONGEST_REASON)}", file=sys.stderr)
        return None
    return run
