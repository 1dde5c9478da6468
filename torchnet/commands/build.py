"""Compile the fused training step: `python -m torchnet build`."""

import argparse
import sys

DESCRIPTION = "Compile the fused training step for this processor, which training does by itself at first use."
EPILOG = """\
The library is kept in ~/.cache/torchnet, or in $XDG_CACHE_HOME/torchnet. The
compiler is $CXX, or else the first of c++, g++ and clang++. Without one,
training steps are captured and replayed: slower, and right as well.

exit codes: 0 done, 1 it cannot be compiled here, 2 wrong usage.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command: none."""


def run(options: argparse.Namespace) -> int:
    """Compile and load the step; return the exit code."""
    from rich.console import Console

    from torchnet.engine.fused.build import build, load
    from torchnet.engine.fused.description import NotFusedError
    from torchnet.printable import printable

    built: list[str] = []
    try:
        with Console(stderr=True).status("compiling the training step", spinner="dots"):
            path = build(built.append)
            library = load()
    except NotFusedError as error:
        print(f"error: the training step cannot be compiled: {printable(str(error))}", file=sys.stderr)
        return 1
    print(f"{'compiled' if built else 'was compiled before'}: {printable(str(path))}")
    print(f"products of bfloat16: {'yes' if library.rounds_to_bfloat16() else 'no, this processor has none'}")
    return 0
