"""`python -m torchnet demo`: a page to draw on, or to change a row of a table, with trained networks in it.

With --playground, it is a page on which networks are trained.
"""

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
  python -m torchnet demo --playground

A network for digits gets a board to draw on; one for other square images, gray
or in color, gets a board to paint on, which also opens image files; one for a
table gets sliders for its first 12 columns.

Several networks of the same inputs and outputs share a page, to compare them on
the same input. The page opens with the first one.

The playground needs no run: a small network trains on the page, which shows its
gradients. The settings are in the address, so a link opens the same network.

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
    parser.add_argument(
        "--playground",
        action="store_true",
        help="write a page on which networks are trained, without RUN (default: playground.html in the current folder)",
    )


def run(options: argparse.Namespace) -> int:
    """Write the page; return the exit code."""
    if options.playground:
        return _write_playground(options.named, options.output)
    if not options.named:
        options.parser.error("the following arguments are required: RUN")
    return _write_demo(options)


def _write_playground(words: list[str], output: Path | None) -> int:
    """Write the page on which networks are trained."""
    from torchnet.demo import playground_page
    from torchnet.runs.errors import UsageError

    if output is None and len(words) == 1 and Path(words[0]).suffix.lower() in _SUFFIXES:
        words, output = [], Path(words[0])
    if words:
        raise UsageError(f"expected no run with --playground, got {' '.join(words)}: networks are trained on its page")
    return _write(output or Path("playground.html"), playground_page())


def _write(output: Path, page: str) -> int:
    from torchnet.printable import printable
    from torchnet.runs.output_file import check_output
    from torchnet.storage import write_durably

    check_output(output, _SUFFIXES)
    write_durably(output, page.encode())
    print(printable(output))
    return 0


def _write_demo(options: argparse.Namespace) -> int:
    """Write the page of runs."""
    from torchnet.demo import demo_page
    from torchnet.reporting.comparison import labels
    from torchnet.runs.folders import find_run, run_of
    from torchnet.runs.load_network import load_network
    from torchnet.runs.output_file import check_output
    from torchnet.runs.record import read_outline

    named, output = _runs_and_output(options.named, options.output)
    if output is not None:
        check_output(output, _SUFFIXES)
    trained = [load_network(*find_run(it, options.root), options.trust_run) for it in named]
    _expect_one_kind(trained)
    folders = [run_of(it.checkpoint) for it in trained]
    records = [read_outline(folder) for folder in folders]
    names = labels(records) if len(records) > 1 else [trained[0].name]
    networks = [_shown(*it) for it in zip(trained, records, names, strict=True)]
    page = demo_page(networks, trained[0].preprocessing)
    return _write(output or (folders[0] if len(folders) == 1 else Path()) / "demo.html", page)


def _runs_and_output(words: list[str], output: Path | None) -> tuple[list[str], Path | None]:
    """Return the runs, and the file to write: that of the option, or the last word if it names no run."""
    from torchnet.storage import is_checkpoint

    last = Path(words[-1])
    is_output = last.suffix.lower() in _SUFFIXES or (last.is_file() and not is_checkpoint(last))
    return (words[:-1], last) if len(words) > 1 and output is None and is_output else (words, output)


def _expect_one_kind(trained: Sequence["TrainedNetwork"]) -> None:
    """Raise a UsageError for networks that cannot be shown, or not on one page."""
    from torchnet.demo import expect_shown, kind_of
    from torchnet.runs.errors import UsageError

    first = trained[0]
    for it in trained:
        try:
            kind_of(it.preprocessing.inputs)
            expect_shown(it.net)
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
    from torchnet.runs.folders import CONFIG
    from torchnet.training.network_options import loss_of_task

    model = trained.config["model"]
    try:
        loss = loss_of_task(model.get("loss"), trained.preprocessing.task)
    except ValueError as error:
        raise DataError(f"{record.folder / CONFIG}: model.{error}") from error
    initializer = str(model.get("initializer"))
    return ShownNetwork(
        trained.net,
        loss,
        name,
        trained.steps,
        _score(trained, record),
        initializer if initializer in INITIALIZERS else "he_normal",
    )


def _score(trained: "TrainedNetwork", record: "RunData") -> str:
    """Return how good a network is, such as "test accuracy 97.38%", if these weights of its run were evaluated."""
    from torchnet.runs.folders import evaluated_checkpoints

    evaluated = evaluated_checkpoints(record.folder, trained.config.get("evaluate", "best"))
    splits = [split for split in ("test", "val") if split in record.scores]
    if trained.checkpoint not in evaluated[:1] or not splits:
        return ""
    return f"{splits[0]} {record.score_title} {record.shown_score(splits[0])}"
