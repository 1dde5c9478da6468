"""The gradient check from the command line: `python -m torchnet check`."""

import argparse
import contextlib
import json
import sys
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchnet.checking import Report

DESCRIPTION = "Check hand-written gradients, and name the kind of mistake in a wrong one."
EPILOG = """\
examples:
  python -m torchnet check                 the default network
  python -m torchnet check --all           all layers, activations and losses
  python -m torchnet check --config configs/notebook.yaml
                                           the network of a configuration

your own layer, loss or network, named by its module; a class is instantiated
without arguments, or with the given ones:
  python -m torchnet check mypackage.mymodule:MyLayer --input 4,7
  python -m torchnet check 'mymodule:MyLayer(7, bias=False)' --input 4,7
  python -m torchnet check mymodule:my_loss --input 4,10 --targets 10
  python -m torchnet check mykernels:RMSNorm --input 8,256 --input 256 \\
                           --dtype bfloat16 --reference mykernels:plain_rms_norm
  python -m torchnet check 'torchnet:MLP((784, 1024, 1024, 10))' \\
                           --input 32,784 --targets 10

exit codes: 0 all gradients right, 1 one is wrong, 2 wrong usage, 65 bad data.
"""
_SMALL = 500_000  # weights
_WIDE = 130  # columns of a table without a terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "subject",
        nargs="?",
        help="MODULE:NAME, or MODULE:NAME(ARGUMENTS): a layer, network, loss, autograd Function, or pair of functions",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--config", type=Path, metavar="FILE", help="check the network of this configuration, on a batch of its data"
    )
    what.add_argument("--all", action="store_true", help="check all of torchnet with every oracle; print one table")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="SHAPE",
        help="the shape of a random input, such as 4,7; repeat it for each input",
    )
    parser.add_argument(
        "--targets",
        type=int,
        metavar="CLASSES",
        help="add random targets out of this number of classes as the last input",
    )
    parser.add_argument(
        "--dtype",
        choices=("float64", "float32", "bfloat16"),
        help="the dtype of weights and inputs (default: unchanged)",
    )
    parser.add_argument(
        "--reference",
        metavar="MODULE:NAME",
        help="a plain PyTorch function of the same inputs, which a kernel is held against in its own dtype",
    )
    parser.add_argument("--thorough", action="store_true", help="check second derivatives, too")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random numbers (default: 0)")
    parser.add_argument(
        "--trust-run",
        action="store_true",
        help="import layers of --config that are not torchnet's, which runs their code",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(options: argparse.Namespace) -> int:
    """Run the checks; return the exit code."""
    import torch
    from rich.console import Console

    from torchnet.checking import SubjectError, overview
    from torchnet.data import DataError
    from torchnet.printable import printable
    from torchnet.runs.errors import is_out_of_memory, report_error

    console, threads = Console(width=None if sys.stdout.isatty() else _WIDE), torch.get_num_threads()
    try:
        if options.all:
            if options.subject or options.input or options.dtype or options.json:
                raise SubjectError("--all takes no other option: it checks everything in float64 and prints a table")
            with Console(stderr=True).status("checking everything", spinner="dots"):
                torch.set_num_threads(1)
                table, passed = overview()
            console.print(table)
            return int(not passed)
        # What the checked code prints is not part of the report.
        with contextlib.redirect_stdout(sys.stderr):
            reports = list(_reports(options))
    except SystemExit as error:
        print(f"error: the checked code ended the program (sys.exit({error.code!r}))", file=sys.stderr)
        return 2
    except Exception as error:  # also any error of the forward or backward that is checked
        if isinstance(error, (DataError, OSError)) or is_out_of_memory(error):
            return report_error(error)
        print("error:", printable(" ".join(str(error).split()) + _origin(error)), file=sys.stderr)
        return 2
    finally:
        torch.set_num_threads(threads)
    if options.json:
        print(json.dumps([json.loads(report.to_json()) for report in reports], indent=2, ensure_ascii=False))
    else:
        for report in reports:
            console.print(report, highlight=False)
    return int(not all(report.passed for report in reports))


def _reports(options: argparse.Namespace) -> "Iterator[Report]":
    from torchnet.checking import SubjectError, check, named_subject, random_inputs
    from torchnet.checking.catalog import default_network

    if options.subject is not None:
        if options.config is not None:
            raise SubjectError(f"expected one thing to check, got {options.subject} and another: check one at a time")
        subject = named_subject(options.subject, options.dtype)
        reference = named_subject(options.reference, options.dtype) if options.reference else None
        _one_thread_if_small(subject)
        inputs = random_inputs(subject, options.input, options.targets, options.dtype, options.seed)
        yield check(subject, *inputs, reference=reference, thorough=options.thorough)
        return
    if options.reference or options.thorough:
        raise SubjectError("--reference and --thorough need a subject, MODULE:NAME")
    if options.input or options.targets is not None:
        raise SubjectError("--input and --targets need a subject, MODULE:NAME")
    if options.config is not None:
        if options.dtype is not None:
            raise SubjectError("--dtype: a configuration sets model.dtype itself")
        from torchnet.cli.check_config import subjects_of_config  # imports Lightning

        for on, net, images, targets, loss in subjects_of_config(options.config, options.seed, options.trust_run):
            _one_thread_if_small(net)
            report = check(net, images, targets, loss=loss, seed=options.seed)
            yield replace(report, place=f"{report.place}, {on}")
        return
    net, images, targets = default_network(options.dtype or "float32", options.seed)
    _one_thread_if_small(net)
    yield check(net, images, targets, seed=options.seed)


def _one_thread_if_small(subject: Any) -> None:
    """Use one thread for a small network: on a busy machine threads wait for each other longer than they work."""
    import torch

    weights = subject.parameters() if isinstance(subject, torch.nn.Module) else ()
    if sum(weight.numel() for weight in weights) < _SMALL:
        torch.set_num_threads(1)


def _origin(error: Exception) -> str:
    """Return where an error was raised, unless it is about the usage of this command."""
    from torchnet.checking import SubjectError
    from torchnet.data import DataError
    from torchnet.runs.errors import UsageError

    if isinstance(error, (SubjectError, UsageError, DataError, SyntaxError)):  # a SyntaxError says where in its message
        return ""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f" ({type(error).__name__} in {Path(last.filename).name}, line {last.lineno})"
