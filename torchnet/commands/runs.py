"""`python -m torchnet runs`: all runs, with the options that differ and their results."""

import argparse
import sys
from pathlib import Path

DESCRIPTION = "List the runs with the options that differ, and their results."
EPILOG = """\
examples:
  python -m torchnet runs
  python -m torchnet runs digits --root elsewhere

The newest run is the last one. The value of a run is its best one on the
validation split; without one, the final value on the test split.

exit codes: 0 done, 2 wrong usage.
"""
_WIDE = 130  # columns of a table without a terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("name", nargs="?", default="*", help="the name of the runs (default: all names)")
    help = "the folder of all runs (default: runs)"
    parser.add_argument("--root", type=Path, default=Path("runs"), metavar="FOLDER", help=help)


def run(options: argparse.Namespace) -> int:
    """Print the list; return the exit code."""
    from rich.console import Console

    from torchnet.printable import printable
    from torchnet.runs.folders import check_name
    from torchnet.runs.listing import print_runs

    if options.name != "*":
        check_name(options.name)
    if print_runs(options.root, options.name, Console(width=None if sys.stdout.isatty() else _WIDE)) == 0:
        place = options.root if options.name == "*" else options.root / options.name
        print(f"there is no run in {printable(place)}: train one with python train.py")
    return 0
