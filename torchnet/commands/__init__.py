"""The commands of `python -m torchnet`, one a file. What a command needs is imported when it runs: --help is quick."""

import argparse
import sys
from collections.abc import Callable

from torchnet.commands import check, deformation, export, predict

_COMMANDS = (check, deformation, export, predict)
_DESCRIPTION = "Look into what torchnet does, its gradients and deformations; take weights out of it; use it on images."


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return the exit code.

    Args:
        arguments: those of the process if None.
    """
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        from torchnet.training.errors import report_error

        return report_error(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m torchnet", description=_DESCRIPTION, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in _COMMANDS:
        subparser = commands.add_parser(
            command.__name__.rpartition(".")[-1],
            help=command.DESCRIPTION,
            description=command.DESCRIPTION,
            epilog=command.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser
