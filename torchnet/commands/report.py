"""The page of a run, or of several side by side: `python -m torchnet report`."""

import argparse
from pathlib import Path

DESCRIPTION = "Draw what became of a run, or of several side by side, as a page that a browser shows."
EPILOG = """\
examples:
  python -m torchnet report last
  python -m torchnet report runs/default/2026-01-31_12-00-00.000
  python -m torchnet report runs/default/* runs/fast/* --output both.html

The page of one run is report.html in its folder, beside its figures as PNG
files. It is also written at the end of python train.py. That of several is
comparison.html here, unless --output says otherwise; its figures are in a
folder of the same name without .html.

exit code: 0 when the page is written, 2 for wrong usage, 65 for a file of the
run that is damaged, 66 if there is no such run, 74 for a file that cannot be
written.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="the folder of a run, one of its checkpoints, or last or best"
    )
    parser.add_argument("--output", type=Path, metavar="PAGE.html", help="the file to write")
    parser.add_argument("--root", type=Path, default=Path("runs"), metavar="FOLDER", help="of the runs (runs)")


def run(options: argparse.Namespace) -> int:
    """Write the page that the options ask for; return the exit code."""
    from torchnet.reporting.page import FIGURES, PAGE, write_page
    from torchnet.reporting.progress import track
    from torchnet.runs.errors import UsageError
    from torchnet.runs.folders import find_checkpoint, run_of
    from torchnet.runs.record import read_record

    page: Path | None = options.output
    if page is not None and page.suffix not in (".html", ".htm"):
        raise UsageError(f"{page}: expected the name of an .html file")
    found = [Path(it) if Path(it).is_dir() else run_of(find_checkpoint(it, options.root)) for it in options.runs]
    folders = list(dict.fromkeys(found))
    records = [read_record(folder) for folder in folders]
    if page is None:
        page = folders[0] / PAGE if len(folders) == 1 else Path("comparison.html")
    figures = page.with_suffix("") if options.output or len(folders) > 1 else folders[0] / FIGURES
    write_page(records, page, figures, track)
    print(page)
    return 0
