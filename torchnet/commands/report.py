"""`python -m torchnet report`: the report page of a run, or of several runs side by side."""

import argparse
from pathlib import Path

DESCRIPTION = "Write an HTML page with the results of a run, or of several runs side by side."
EPILOG = """\
examples:
  python -m torchnet report last
  python -m torchnet report runs/default/2026-01-31_12-00-00.000
  python -m torchnet report runs/default/* runs/fast/* --output both.html

The page of one run is report.html in its folder; the figures are also written
as PNG files to figures/ next to it. python train.py writes them when training
ends. The page of several runs is comparison.html in the current folder, with
its figures in comparison/: the best run comes first, and the six best ones have
figures. With --output PAGE.html, figures are in PAGE/.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--output", type=Path, metavar="PAGE.html", help="the file to write")


def run(options: argparse.Namespace) -> int:
    """Write the page; return the exit code."""
    from torchnet.printable import printable
    from torchnet.reporting.page import FIGURES, PAGE, write_page
    from torchnet.runs.errors import UsageError
    from torchnet.runs.folders import find_run, run_of
    from torchnet.runs.output_file import check_output
    from torchnet.runs.record import read_record

    page: Path | None = options.output
    if page is not None:
        check_output(page, (".html", ".htm"))
    found = [Path(it) if Path(it).is_dir() else run_of(find_run(it, options.root).path) for it in options.named]
    folders = list(dict.fromkeys(found))
    if page is None:
        page = folders[0] / PAGE if len(folders) == 1 else Path("comparison.html")
    figures = page.with_suffix("") if options.output or len(folders) > 1 else folders[0] / FIGURES
    runs = [read_record(folder, trust=options.trust_run) for folder in folders]
    if len({run.is_regression for run in runs if run.report is not None}) > 1:
        raise UsageError("expected runs of one task, got classifications and regressions: compare them separately")
    write_page(runs, page, figures)
    print(printable(page))
    return 0
