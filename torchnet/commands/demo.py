"""`python -m torchnet demo`: a page to draw digits on, with a trained network in it."""

import argparse
from pathlib import Path

DESCRIPTION = "Write a page to draw digits on, which shows the\nactivations and gradients of every layer."
EPILOG = """\
examples:
  python -m torchnet demo last
  python -m torchnet demo runs/accurate/2026-01-31_12-00-00.000 accurate.html

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
    import math

    from torchnet.data import DataError
    from torchnet.demo import demo_page
    from torchnet.losses import LOSSES
    from torchnet.printable import printable
    from torchnet.runs.errors import UsageError
    from torchnet.runs.folders import CONFIG, find_run, run_of
    from torchnet.runs.load_network import load_network
    from torchnet.runs.output_file import check_output
    from torchnet.storage import write_durably

    if options.output is not None:
        check_output(options.output, (".html", ".htm"))
    found = find_run(options.named, options.root)
    folder = run_of(found.path)
    trained = load_network(*found)
    if math.isqrt(trained.in_features) ** 2 != trained.in_features:
        raise UsageError(
            f"{found.path}: expected a network for square images, got one with {trained.in_features} inputs: the page "
            "can only draw square images"
        )
    loss = trained.config["model"].get("loss", "cross_entropy")
    if not isinstance(loss, str) or loss not in LOSSES:
        raise DataError(f"{folder / CONFIG}: model.loss: expected one of {', '.join(LOSSES)}, got {loss!r}")
    output = options.output or folder / "demo.html"
    page = demo_page(trained.net, loss, trained.name, trained.steps)
    write_durably(output, page.encode())
    print(printable(output))
    return 0
