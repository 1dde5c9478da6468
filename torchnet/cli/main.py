"""The command line of train.py: which configuration is read, and how errors are reported."""

import argparse
import contextlib
import io
import itertools
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import yaml
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from rich.console import Console

from torchnet.cli.console import silence_libraries
from torchnet.cli.foreign_config import config_of_run, known_part
from torchnet.cli.options import Options
from torchnet.cli.session import Session
from torchnet.data import MnistUnavailableError
from torchnet.printable import printable
from torchnet.runs.errors import StoppedError, UsageError, report_error
from torchnet.runs.folders import CONFIG, RUNS, FoundCheckpoint, checkpoint_needed, find_checkpoint, run_of
from torchnet.runs.load_network import read_config_of, trained_weights
from torchnet.runs.prediction.files import predict_files
from torchnet.runs.prediction.loaded_run import find_network
from torchnet.runs.signals import stopped_by_signals

_FALLBACK_TITLE = "NOT MNIST: scikit-learn's bundled 8x8 digits (MNIST could not be found or downloaded)"
_FLAGS = (
    "-h",
    "--help",
    "--print_config",
    "--trust-run",
    "--trust_run",
    "--raw",
    "--as-digits",
    "--as_digits",
)  # all other options have a value


def main(configs: Path, arguments: list[str] | None = None) -> int:
    """Run `[fit|validate|test|predict] [options]`, fit by default, and return the exit code.

    `predict FILES` predicts files; `predict` alone predicts the test set of the run's data.

    Args:
        configs: the folder of default.yaml, which is read if no configuration is named, and of digits.yaml.
        arguments: of the command line; None for those of the process.
    """
    silence_libraries()
    command, *options = _with_command(sys.argv[1:] if arguments is None else arguments)
    try:
        with stopped_by_signals():
            return _run(command, options, configs)
    except MisconfigurationException as error:  # Lightning's error for wrong usage
        return report_error(UsageError(str(error)), _rank())
    except (StoppedError, Exception) as error:
        return report_error(error, _rank())
    except SystemExit as error:  # --help and --print_config
        return error.code if isinstance(error.code, int) else int(error.code is not None)


def _rank() -> int:
    """Return the number of this process among those that train together."""
    return int(getattr(rank_zero_only, "rank", 0))


def _with_command(arguments: list[str]) -> list[str]:
    is_command = arguments and not arguments[0].startswith("-")
    words = {"--allow-environment-change": "--allow_environment_change=true"}
    return [words.get(it, it) for it in (arguments if is_command else ["fit", *arguments])]


def _run(command: str, options: list[str], configs: Path) -> int:
    if command == "predict":
        options, files = _without_files(options)
        if files and not {"-h", "--help"}.intersection(options):
            return _predict_files(options, files)
    named, options = _options_that_choose_the_config(options)
    config, select, found = configs / "default.yaml", None, None
    run: Callable[..., None] = _print_config if named.prints else _run_session
    if named.help:  # needs no configuration
        run([command, *options])
        return 0
    if named.config:
        # Configurations first: other options override them, whatever their order on the command line.
        run([command, *(f"--config={path}" for path in named.config), *options])
        return 0
    if named.ckpt_path is not None:  # a checkpoint comes with the configuration of its run
        found = find_checkpoint(named.ckpt_path, Path(named.root), named.name)
        options.append(f"--ckpt_path={found.path}")
        of_run = run_of(found.path) / CONFIG
        if of_run.is_file():
            config = of_run
            if trained_weights(found.contents):  # else the checkpoint is refused later, for what it lacks
                read_config_of(*found)
            if not named.trust_run and not named.prints:
                select = partial(config_of_run, root=named.root)
        else:
            print(f"there is no {printable(of_run)}: using {config}")
    try:
        run([command, f"--config={config}", *options], select=select, found=found)
    except MnistUnavailableError as error:
        if named.source is not None or named.ckpt_path is not None:
            raise
        _print_notice(f"{error}.\n\nTraining on scikit-learn's bundled 8x8 digits instead (configs/digits.yaml).")
        run([command, f"--config={configs / 'digits.yaml'}", *options], title=_FALLBACK_TITLE)
    return 0


def _run_session(*args: Any, **kwargs: Any) -> None:
    Session(*args, **kwargs).run()


def _print_config(arguments: list[str], select: None = None, found: FoundCheckpoint | None = None) -> None:
    """Print the resulting configuration. Classes that are not known are printed, but not imported."""
    unknown: dict[str, Any] = {}

    def only_known(path: Path, values: dict[str, Any]) -> dict[str, Any]:
        known, others = known_part(values)
        unknown.update(others)
        return known

    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        Options(arguments, only_known, found)
    if unknown:
        values = yaml.safe_load(text.getvalue())
        for name, value in unknown.items():
            section, _, option = name.rpartition(".")
            (values[section] if section else values)[option] = value
        text = io.StringIO(yaml.safe_dump(values, sort_keys=False))
    sys.stdout.write(text.getvalue())


def _options_that_choose_the_config(options: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return the options that decide which configuration is read and how, and the options of the parser."""
    configs = _Parser()
    configs.add_argument("-c", "--config", action="append", default=[])
    configs.add_argument("--trust-run", "--trust_run", action="store_true")
    named, rest = configs.parse_known_args(options)
    others = _checkpoint_parser()
    others.add_argument("-h", "--help", action="store_true")
    others.add_argument("--print_config", dest="prints", nargs="?", const=True)
    others.add_argument("--data.source", dest="source")
    return others.parse_known_args(rest, named)[0], rest


def _without_files(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Separate options, `--x value` or `--x=value`, from file names; after `--` there are only file names."""
    options: list[str] = []
    files: list[str] = []
    remaining = iter(arguments)
    for word in remaining:
        if word == "--":
            files.extend(remaining)
        elif not word.startswith("-"):
            files.append(word)
        else:
            options.append(word)
            if "=" not in word and word not in _FLAGS:
                options.extend(itertools.islice(remaining, 1))
    return options, files


def _predict_files(options: list[str], files: list[str]) -> int:
    """Predict files, as `python -m torchnet predict` does; return the exit code."""
    parser = _checkpoint_parser()
    parser.add_argument("--output", type=Path)
    parser.add_argument("--trust-run", "--trust_run", action="store_true")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--raw", action="store_const", dest="form", const="raw")
    form.add_argument("--as-digits", "--as_digits", action="store_const", dest="form", const="digits")
    named, others = parser.parse_known_args(options)
    if others:
        raise UsageError(
            "predict of files takes --ckpt_path, --name, --trainer.default_root_dir, --output, --raw and --as-digits, "
            f"got {others[0]}: leave it out, or name no file to predict the test set of the run's data"
        )
    if named.ckpt_path is None:
        raise checkpoint_needed("predict")
    trained = find_network(named.ckpt_path, Path(named.root), named.name, trust=named.trust_run)
    return predict_files(trained, [Path(file) for file in files], named.output, named.form)


class _Parser(argparse.ArgumentParser):
    """A parser of some of the options. It raises errors instead of printing them."""

    def __init__(self) -> None:
        super().__init__(add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _checkpoint_parser() -> _Parser:
    """Return a parser of the options that name a checkpoint."""
    parser = _Parser()
    parser.add_argument("--ckpt_path")
    parser.add_argument("--name", default="*")
    parser.add_argument("--trainer.default_root_dir", dest="root", default=RUNS)
    return parser


@rank_zero_only
def _print_notice(text: str) -> None:
    console = Console(stderr=True)
    console.rule("NOTICE: THIS IS NOT MNIST", characters="=")
    console.print(text, highlight=False, markup=False)
    console.rule(characters="=")
