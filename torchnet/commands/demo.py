"""`python -m torchnet demo`: a page to draw on, or to change a row of a table, with trained networks in it."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torchnet.demo import ShownNetwork
    from torchnet.reporting.run_data import RunData
    from torchnet.runs.load_network import TrainedNetwork

DESCRIPTION = (
    "Write a page to draw on, or to change a row of a table, which\nshows the activations and gradients of every layer."
)
EPILOG = """\
examples:
  python -m torchnet demo last
  python -m torchnet demo last page.html
  python -m torchnet demo last:default last:deep_sigmoid --output both.html

A network for digits gets a board to draw on; one for other square images, gray
or in color, gets a board to paint on, which also opens image files; one for a
table gets sliders for its first 12 columns.

Several networks of the same inputs and outputs share a page, to compare them on
the same input. The page opens with the first one.

The page is one HTML file that contains the networks. It needs no server and no
internet: open it in a browser or on a phone, or publish it on a website.
"""
_SUFFIXES = (".html", ".htm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="PAGE.html",
        help="the file to write; PAGE.html as the last argument does the same (default: demo.html in the folder of the "
        "run, for several runs in the current folder)",
    )


def run(options: argparse.Namespace) -> int:
    """Write the page; return the exit code."""
    from torchnet.demo import demo_page
    from torchnet.printable import printable
    from torchnet.reporting.comparison import labels
    from torchnet.runs.errors import UsageError
    from torchnet.runs.folders import find_run, run_of
    from torchnet.runs.load_network import load_network
    from torchnet.runs.output_file import check_output
    from torchnet.runs.record import read_outline
    from torchnet.storage import write_durably

    named, output = _runs_and_output(options.named, options.output)
    if output is not None:
        check_output(output, _SUFFIXES)
    trained = [load_network(*find_run(it, options.root), options.trust_run) for it in named]
    _expect_one_kind(trained)
    folders = [run_of(it.checkpoint) for it in trained]
    records = [read_outline(folder) for folder in folders]
    names = labels(records) if len(records) > 1 else [trained[0].name]
    try:
        page = demo_page([_shown(*it) for it in zip(trained, records, names, strict=True)], trained[0].preprocessing)
    except ValueError as error:
        raise UsageError(f"{trained[0].checkpoint}: {error}: the page cannot compute it") from error
    output = output or (folders[0] if len(folders) == 1 else Path()) / "demo.html"
    write_durably(output, page.encode())
    print(printable(output))
    return 0


def _runs_and_output(words: list[str], output: Path | None) -> tuple[list[str], Path | None]:
    """Return the runs, and the file to write: that of the option, or the last word if it names no run."""
    from torchnet.storage import is_checkpoint

    last = Path(words[-1])
    is_output = last.suffix.lower() in _SUFFIXES or (last.is_file() and not is_checkpoint(last))
    return (words[:-1], last) if len(words) > 1 and output is None and is_output else (words, output)


def _expect_one_kind(trained: Sequence["TrainedNetwork"]) -> None:
    """Raise a UsageError for networks that cannot be shown, or not on one page."""
    from torchnet.demo import kind_of
    from torchnet.runs.errors import UsageError

    first = trained[0]
    for it in trained:
        try:
            kind_of(it.preprocessing.inputs)
        except ValueError as error:
            raise UsageError(f"{it.checkpoint}: {error}") from error
        if it.preprocessing != first.preprocessing:
            raise UsageError(
                f"{it.checkpoint}: expected a network with the inputs and outputs of {first.checkpoint}, got another "
                "one: write a page for each"
            )


def _shown(trained: "TrainedNetwork", record: "RunData", name: str) -> "ShownNetwork":
    """Return a network with what its page says about it."""
    from torchnet.data import DataError
    from torchnet.demo import ShownNetwork
    from torchnet.initializers import INITIALIZERS
    from torchnet.runs.folders import CONFIG, evaluated_checkpoints
    from torchnet.training.network_options import loss_of_task

    model = trained.config["model"]
    try:
        loss = loss_of_task(model.get("loss"), trained.preprocessing.task)
    except ValueError as error:
        raise DataError(f"{record.folder / CONFIG}: model.{error}") from error
    initializer = model.get("initializer")
    evaluated = evaluated_checkpoints(record.folder, trained.config.get("evaluate", "best"))
    split = next((split for split in ("test", "val") if split in record.scores), None)
    is_scored = split is not None and trained.checkpoint in evaluated[:1]
    return ShownNetwork(
        trained.net,
        loss,
        name,
        trained.steps,
        f"{split} {record.score_title} {record.shown_score(split)}" if is_scored else "",
        initializer if initializer in INITIALIZERS else "he_normal",
    )
