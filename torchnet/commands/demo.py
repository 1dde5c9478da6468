"""A page to draw digits on, for a trained network: `python -m torchnet demo`."""

import argparse
from pathlib import Path

DESCRIPTION = "Write a page to draw a digit on, and to see every layer's activations and gradients while drawing."
EPILOG = """\
examples:
  python -m torchnet demo last
  python -m torchnet demo runs/accurate/2026-01-31_12-00-00.000 accurate.html

The page is one HTML file with the network in it. It needs no server and no
network: open it in a browser, on a phone, or put it on a site.

exit code: 0 when the page is written, 2 for wrong usage, 66 for a checkpoint
that cannot be used, 74 for a file that cannot be written.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "named",
        metavar="RUN",
        help="the folder of a run, or a checkpoint; or last or best, of the newest run under --root",
    )
    parser.add_argument("output", type=Path, nargs="?", help="the file to write (demo.html in the folder of the run)")
    parser.add_argument("--root", type=Path, default=Path("runs"), metavar="FOLDER", help="of the runs (runs)")


def run(options: argparse.Namespace) -> int:
    """Write the page that the options ask for; return the exit code."""
    import math

    from torchnet.demo import demo_page
    from torchnet.losses import LOSSES
    from torchnet.runs.errors import UsageError
    from torchnet.runs.folders import CONFIG, find_checkpoint, run_of
    from torchnet.runs.load_network import load_trained
    from torchnet.storage import write_durably

    checkpoint = find_checkpoint(options.named, options.root)
    folder = run_of(checkpoint)
    trained = load_trained(checkpoint)
    if math.isqrt(trained.in_features) ** 2 != trained.in_features:
        raise UsageError(
            f"{checkpoint}: expected a network for square images, got one for {trained.in_features} pixels: it is one "
            "that cannot be drawn for"
        )
    loss = trained.config["model"].get("loss", "cross_entropy")
    if loss not in LOSSES:
        raise UsageError(f"{folder / CONFIG}: model.loss: expected one of {', '.join(LOSSES)}, got {loss!r}")
    output = options.output or folder / "demo.html"
    if output.is_dir():
        raise UsageError(f"{output}: expected the name of a file, it is a folder")
    page = demo_page(trained.net, loss, trained.name, trained.steps)
    write_durably(output, page.encode())
    print(output)
    return 0
