"""python -m tests.checking.operators: hold torchnet.check, and gradcheck beside it, against every operator.

One row an operator: whether the right one passes, how many of its mistakes fail, with exactly the wrong tensors
accused, and with the cause or the place named. The exit code is 1 if a share is too small.
"""

import argparse
import statistics
import sys

from rich import box
from rich.console import Console
from rich.table import Table

from .catalog import OPERATORS, Operator
from .gradients import gradcheck
from .judgement import Row, judge, shares


def main() -> int:
    """Judge the operators, print the table and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.checking.operators", description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME", help="only operators with this in their name; print their reports")
    parser.add_argument("--gradcheck-only", action="store_true", help="without torchnet.check")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    options = parser.parse_args()
    chosen = [operator for operator in OPERATORS if (options.only or "").lower() in operator.name.lower()]
    if not chosen:
        parser.error(f"expected --only with a part of an operator's name, got {options.only!r}")
    console = Console(width=None if sys.stdout.isatty() else 150)
    rows = []
    for operator in chosen:
        if not options.gradcheck_only:
            rows.append(judge(operator))
            if options.only:
                print_reports(rows[-1], console)
    console.print(table(chosen, rows, box.MARKDOWN if options.markdown else box.SIMPLE))
    return totals(rows, console) if rows else 0


def table(operators: list[Operator], rows: list[Row], style: box.Box) -> Table:
    """Return one row an operator."""
    headings = ["right\npasses", "mistakes\nfail", "exactly\naccused", "named\nusefully", "ms"] if rows else []
    shown = Table("operator", *headings, "gradcheck:\nright", "gradcheck:\nmistakes fail", box=style, pad_edge=False)
    for i, operator in enumerate(operators):
        count, cells = len(operator.mistakes), []
        if rows:
            row = rows[i]
            counts = [sum(values) for values in (row.fails, row.accused, row.named)]
            cells = ["yes" if row.right_passes else "NO", *(f"{n}/{count}" for n in counts)]
            cells.append(f"{statistics.median(row.milliseconds):.0f}")
        rejected = sum(not gradcheck(operator, mistake) for mistake in operator.mistakes)
        shown.add_row(operator.name, *cells, "accepts" if gradcheck(operator) else "rejects", f"{rejected}/{count}")
    return shown


def totals(rows: list[Row], console: Console) -> int:
    """Print the shares and the median time; return the exit code."""
    enough = True
    for what, (count, total, least) in shares(rows).items():
        enough &= count >= least * total
        short = "" if count >= least * total else f", expected at least {least:.0%}"
        console.print(f"{what}: {count} of {total} ({count / total:.1%}){short}", highlight=False)
    times = [milliseconds for row in rows for milliseconds in row.milliseconds]
    console.print(f"median time of a check: {statistics.median(times):.0f} ms", highlight=False)
    return 0 if enough else 1


def print_reports(row: Row, console: Console) -> None:
    """Print the report of the right operator and of each mistake, with what was expected of it."""
    for title, report in zip(("right", *(m.name for m in row.operator.mistakes)), row.reports, strict=True):
        console.rule(f"{row.operator.name}: {title}")
        console.print(str(report), markup=False, highlight=False)
    for mistake, accused, named in zip(row.operator.mistakes, row.accused, row.named, strict=True):
        if not accused or not named:
            expected = f"accused {sorted(mistake.accused) or 'no tensor'}, named {' or '.join(mistake.named)}"
            console.print(f"{mistake.name}: expected {expected}", markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
