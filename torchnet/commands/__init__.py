"""The commands of `python -m torchnet`, one per file. Each imports what it needs when it runs, so --help is fast."""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from torchnet.choices import did_you_mean, nearest
from torchnet.commands import build, check, deformation, demo, export, predict, report, runs, sweep
from torchnet.printable import printable
from torchnet.runs.streams import open_streams

_COMMANDS = (runs, sweep, report, predict, demo, export, check, deformation, build)
_OF_RUNS = {report: "+", predict: None, demo: "*", export: None}  # and the number of runs, as argparse counts them
_DESCRIPTION = "Inspect, use and export trained networks; check gradients; compile steps."
_EPILOG = """\
COMMAND --help shows the options of a command, and examples. Networks are
trained by python train.py; see python train.py --help.
"""
_EXIT_CODES = """
exit codes: 0 done, 2 wrong usage, 65 bad data, 66 unusable checkpoint, 71 out
of memory, 74 cannot read or write, 99 a fault of torchnet itself.
"""
_CHOICE = re.compile(r"invalid choice: '?([^']*)'? \(choose from (.*)\)")


class _Parser(argparse.ArgumentParser):
    """Report an error in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        if (found := _CHOICE.search(message)) is not None:
            message += did_you_mean(nearest(found[1], re.findall(r"[\w.-]+", found[2])))
        hint = "" if message.endswith("?") else f": see {self.prog} --help"
        self.exit(2, f"error: {printable(message + hint)}\n")


_SHARED: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return the exit code. Without arguments, those of the process are used."""
    options, unknown = _parser().parse_known_args(arguments)
    if unknown and options.run is not sweep.run:
        parser: _Parser = options.parser
        near = [name for word in unknown for name in nearest(word.partition("=")[0], parser._option_string_actions)]
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{did_you_mean(near)}")
    options.others = unknown  # of a sweep: those of train.py
    if (fault := open_streams()) is not None:
        parser = options.parser
        parser.exit(74, f"error: {fault}\n")
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        from torchnet.runs.errors import report_error

        return report_error(error)


def _parser() -> _Parser:
    parser = _Parser("python -m torchnet", description=_DESCRIPTION, epilog=_EPILOG, **_SHARED)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        subparser = commands.add_parser(
            command.__name__.rpartition(".")[-1],
            help=command.DESCRIPTION,
            description=command.DESCRIPTION,
            epilog=command.EPILOG + (_EXIT_CODES if command in _OF_RUNS else ""),
            **_SHARED,
        )
        if command in _OF_RUNS:
            help = "the folder of a run, a checkpoint, last, best, last:NAME or best:NAME"
            subparser.add_argument("named", nargs=_OF_RUNS[command], metavar="RUN", help=help)
            help = "the folder of all runs (default: runs)"
            subparser.add_argument("--root", type=Path, default=Path("runs"), metavar="FOLDER", help=help)
            help = "import layers that are not torchnet's, which runs the code of whoever made them"
            subparser.add_argument("--trust-run", action="store_true", help=help)
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run, parser=subparser)
    return parser
