"""`python -m torchnet demo`: a page to draw on, or to change a row of a table, with a trained network in it."""

import argparse
from pathlib import Path

DESCRIPTION = (
    "Write a page to draw on, or to change a row of a table, which\nshows the activations and gradients of every layer."
)
EPILOG = """\
examples:
  python -m torchnet demo last
  python -m torchnet demo runs/accurate/2026-01-31_12-00-00.000 accurate.html

A network for digits gets a board to draw on; one for other square images, gray
or in color, gets a board to paint on, which also opens image files; one for a
table gets sliders for its first 12 columns.

The page is one HTML file that contains the network. It needs no server and no
internet: open it in a browser or on a phone, or publish it on a website.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "output", type=Path, nargs="?", help="the file to write (default: demo.html in the folder of the run)"
    )


def run(options: argparse.Namespace) -> int:
    """Write the page; return the exit code."""
    from torchnet.data import DataError
    from torchnet.demo import demo_page, kind_of
    from torchnet.printable import printable
    from torchnet.runs.errors import UsageError
    from torchnet.runs.folders import CONFIG, find_run, run_of
    from torchnet.runs.load_network import load_network
    from torchnet.runs.output_file import check_output
    from torchnet.storage import write_durably
    from torchnet.training.network_options import loss_of_task

    if options.output is not None:
        check_output(options.output, (".html", ".htm"))
    found = find_run(options.named, options.root)
    folder = run_of(found.path)
    trained = load_network(*found, options.trust_run)
    try:
        kind_of(trained.preprocessing.inputs)
    except ValueError as error:
        raise UsageError(f"{found.path}: {error}") from error
    try:
        loss = loss_of_task(trained.config["model"].get("loss"), trained.preprocessing.task)
    except ValueError as error:
        raise DataError(f"{folder / CONFIG}: model.{error}") from error
    output = options.output or folder / "demo.html"
    try:
        page = demo_page(trained.net, loss, trained.name, trained.steps, trained.preprocessing)
    except ValueError as error:
        raise UsageError(f"{found.path}: {error}: the page cannot compute it") from error
    write_durably(output, page.encode())
    print(printable(output))
    return 0
