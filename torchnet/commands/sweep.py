"""`python -m torchnet sweep`: train with every combination of the values of some options, and compare the runs."""

import argparse
import contextlib
import io
import math
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rich.console import Console

    from torchnet.runs.trials import Ended, Trial

DESCRIPTION = "Train with every combination of the values of some options,\nand compare the runs."
EPILOG = """\
examples:
  python -m torchnet sweep --model.lr 0.03,0.1,0.3
  python -m torchnet sweep --config configs/digits.yaml --jobs 2 \\
                           --data.validation_fraction 0.2 --model.lr 0.1,0.3 \\
                           --model.hidden_sizes '[64],[256]'

Every option of python train.py can be given. Commas outside of brackets
separate values; an option with several values is swept, one with a single
value is the same in all runs. The runs are those of python train.py.

To go on after Ctrl-C, give the same command again: runs that are finished stay
as they are, and one that was interrupted goes on from its last checkpoint. A
run that python train.py made counts, too, if all its options are the same.

exit codes: 0 done, 2 wrong usage (then nothing is trained), 130 Ctrl-C;
otherwise that of the first run that failed: see python train.py --help.
"""
_MOST_RUNS = 1000
_WIDE = 130  # columns of a table without a terminal


class _Choice(NamedTuple):
    """An option of train.py, and the values to train with."""

    option: str
    values: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command; the others are those of train.py."""
    parser.usage = "%(prog)s [--jobs N] [--output PAGE.html] OPTIONS_OF_TRAIN"
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="train N runs at a time (default: 1)")
    help = "the comparison to write (default: comparison.html)"
    parser.add_argument("--output", type=Path, default=Path("comparison.html"), metavar="PAGE.html", help=help)


def run(options: argparse.Namespace) -> int:
    """Train what is not there yet, and write the comparison; return the exit code."""
    from rich.console import Console

    from torchnet.runs.errors import StoppedError, UsageError, report_error
    from torchnet.runs.output_file import check_output
    from torchnet.runs.signals import stopped_by_signals

    if options.jobs < 1:
        raise UsageError(f"--jobs: expected a number from 1 up, got {options.jobs}")
    check_output(options.output, (".html", ".htm"))
    program = _train_py()
    trials = _trials(_choices(options.others), program.parent / "configs")
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    try:
        with stopped_by_signals():
            failed = _train(trials, program, options.jobs, console)
            _compare(trials, options.output, console)
    except StoppedError as error:
        return report_error(StoppedError(f"{error}; to go on: give the same command again", error.exit_code))
    if failed:
        print(f"{len(failed)} of {len(trials)} runs failed", file=sys.stderr)
    return failed[0].exit_code or 2 if failed else 0  # 0 if there was nothing to train


def split_at_commas(text: str) -> list[str]:
    """Return the parts between the commas that are outside of brackets: "[64]" and "[32,32]" of "[64],[32,32]"."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[({") - (letter in "])}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _choices(words: Sequence[str]) -> list[_Choice]:
    """Return the options in words such as --model.lr 0.1,0.3 or --model.lr=0.1,0.3, configurations first."""
    from torchnet.runs.errors import UsageError

    found, remaining = [], iter(words)
    for word in remaining:
        if not word.startswith("-"):
            raise UsageError(f"expected options of train.py, such as --model.lr 0.03,0.1, got {word!r}")
        option, is_given, value = word.partition("=")
        if not is_given and ((value := next(remaining, "")) == "" or re.match("--[a-z]", value)):
            raise UsageError(f"{option}: expected a value, or several with commas between them")
        values = split_at_commas(value)
        if len(values) > 1 and "" in values:
            raise UsageError(f"{option}: expected a value before and after each comma, got {value!r}")
        found.append(_Choice("--config" if option == "-c" else option, values))
    if all(len(choice.values) == 1 for choice in found):
        raise UsageError("expected an option with several values, such as --model.lr 0.03,0.1,0.3")
    if any(choice.option == "--ckpt_path" for choice in found):
        raise UsageError("--ckpt_path: a sweep starts its runs from the beginning: leave it out")
    return sorted(found, key=lambda choice: choice.option != "--config")  # as for train.py, options override them


def _trials(choices: list[_Choice], configs: Path) -> "list[Trial]":
    """Return the runs of all combinations. Their options are checked, so that no run fails for them later."""
    from torchnet.cli.build import build  # imports Lightning
    from torchnet.cli.console import silence_libraries
    from torchnet.cli.options import Options
    from torchnet.reporting.comparison import labels
    from torchnet.reporting.run_data import RunData
    from torchnet.runs.config import parse_yaml
    from torchnet.runs.errors import UsageError
    from torchnet.runs.folders import CONFIG
    from torchnet.runs.trials import Trial

    silence_libraries()
    if (count := math.prod(len(choice.values) for choice in choices)) > _MOST_RUNS:
        raise UsageError(f"expected a sweep of at most {_MOST_RUNS} runs, got {count}")
    if not any(choice.option == "--config" for choice in choices):
        choices = [_Choice("--config", [str(configs / "default.yaml")]), *choices]
    checked: set[str] = set()
    found: list[Trial] = []
    for values in product(*(choice.values for choice in choices)):
        arguments = [f"{choice.option}={value}" for choice, value in zip(choices, values, strict=True)]
        options = Options(["fit", *arguments])
        if not options.keeps_results:
            raise UsageError("--trainer.fast_dev_run: a sweep compares the results of its runs: leave it out")
        if not checked.issuperset(arguments):  # each value once, as to build all combinations takes long
            with contextlib.redirect_stdout(io.StringIO()):
                build(options)
            checked.update(arguments)
        config = parse_yaml(options.dump(), CONFIG)
        if all(config != other.config for other in found):
            root = Path(options.values.trainer.default_root_dir)
            found.append(Trial("", arguments, config, root, options.values.name))
    names = labels([RunData(trial.root, trial.config, "", "", 0, None) for trial in found])
    return [replace(trial, label=name) for trial, name in zip(found, names, strict=True)]


def _train_py() -> Path:
    """Return train.py of the checkout that this package is in, or of the current folder."""
    import torchnet
    from torchnet.runs.errors import UsageError

    for folder in (Path(torchnet.__file__).parent.parent, Path()):
        if (path := folder / "train.py").is_file() and (folder / "configs").is_dir():
            return path
    raise UsageError("expected train.py in the current folder, found none: change to the checkout of torchnet")


def _train(trials: "list[Trial]", program: Path, jobs: int, console: "Console") -> "list[Ended]":
    """Train what is not finished, with a line for each run; return the runs that failed."""
    import torch
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
    from rich.text import Text

    from torchnet.printable import printable
    from torchnet.runs.trials import Workers

    waiting = [trial for trial in trials if trial.finished() is None]
    counts = {
        "finished before": len(trials) - len(waiting),
        "to go on from a checkpoint": sum(trial.interrupted() is not None for trial in waiting),
    }
    said = "".join(f", {count} {words}" for words, count in counts.items() if count)
    console.print(f"{len(trials)} runs{said}", highlight=False)
    environment = {}
    if jobs > 1 and "OMP_NUM_THREADS" not in os.environ:  # or each process would use all cores
        environment["OMP_NUM_THREADS"] = str(max(1, torch.get_num_threads() // jobs))
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    failed: list[Ended] = []
    with (
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
        Workers(program, jobs, environment) as workers,
    ):
        bar = progress.add_task("", total=len(trials), completed=len(trials) - len(waiting))
        for number, ended in enumerate(workers.train(waiting), len(trials) - len(waiting) + 1):
            folder = ended.trial.finished()
            failed += [ended] if folder is None else []
            result = f"failed: {ended.last_line}" if folder is None else _result(folder)
            progress.console.print(Text(f"{number}/{len(trials)}  {ended.trial.label}: {printable(result)}"))
            progress.advance(bar)
    return failed


def _result(folder: Path) -> str:
    from torchnet.reporting.comparison import score_of, time_of
    from torchnet.runs.record import read_outline

    run = read_outline(folder)
    score = score_of(run)
    return f"{f'{score.title} {score}, ' if score else ''}{time_of(run)}"


def _compare(trials: "list[Trial]", page: Path, console: "Console") -> None:
    """Print a table of the finished runs, the best one first, and write the page that compares them."""
    from torchnet.printable import printable
    from torchnet.reporting.comparison import compare, results
    from torchnet.reporting.page import write_page
    from torchnet.runs.listing import table_of
    from torchnet.runs.record import read_record

    label_of = {folder: trial.label for trial in trials if (folder := trial.finished()) is not None}
    if not label_of:
        return
    runs = [read_record(folder, trust=True) for folder in label_of]  # their options were given here
    compared = [it._replace(label=label_of[it.run.folder]) for it in compare(runs)]
    columns = [("options", [f"{it.label} (best)" if it.is_best else it.label for it in compared])]
    columns += [column for column in results(compared) if column[0] not in ("weights", "started")]
    console.print()
    console.print(table_of(columns))
    write_page(runs, page, page.with_suffix(""))
    print(f"\ncomparison in {printable(page)}")
