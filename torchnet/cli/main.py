"""The command line: which configuration is read, and how whatever goes wrong is reported."""

import argparse
import sys
from pathlib import Path

from pytorch_lightning.utilities.exceptions import MisconfigurationException
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from rich.console import Console

from torchnet.cli.console import silence_libraries
from torchnet.cli.image_arguments import part, predict_named_files
from torchnet.cli.session import TrainerCLI
from torchnet.data import MnistUnavailableError
from torchnet.runs.errors import EXIT_CODES, StoppedError, UsageError, report_error
from torchnet.runs.folders import CONFIG, RUNS, find_checkpoint, run_of
from torchnet.runs.signals import stopped_by_signals

_REPORTED: tuple[type[BaseException], ...] = (StoppedError, *EXIT_CODES)
_FALLBACK_TITLE = "NOT MNIST: scikit-learn's bundled 8x8 digits (MNIST could not be found or downloaded)"


def main(configs: Path, arguments: list[str] | None = None) -> int:
    """Run `[fit|validate|test|predict] [options]`, fit if no command is named, and return the exit code.

    `predict` with image files, `predict digit.png ...`, predicts these; without, the test images of the run's data.

    Args:
        configs: the folder of default.yaml, which is read if no configuration is named, and digits.yaml.
        arguments: those of the process if None.
    """
    silence_libraries()
    command, *options = _with_command(sys.argv[1:] if arguments is None else arguments)
    try:
        with stopped_by_signals():
            return _run(command, options, configs)
    except MisconfigurationException as error:  # so Lightning calls wrong usage
        return report_error(UsageError(str(error)), _process())
    except _REPORTED as error:
        return report_error(error, _process())
    except SystemExit as error:  # --help and --print_config
        return error.code if isinstance(error.code, int) else int(error.code is not None)


def _process() -> int:
    """Return the number of this process among those that were started together."""
    return int(getattr(rank_zero_only, "rank", 0))


def _with_command(arguments: list[str]) -> list[str]:
    is_command = arguments and not arguments[0].startswith("-")
    words = {"--allow-environment-change": "--allow_environment_change=true"}
    return [words.get(it, it) for it in (arguments if is_command else ["fit", *arguments])]


def _run(command: str, options: list[str], configs: Path) -> int:
    if command == "predict" and (words := part(options)).files and not words.ask_for_help:
        return predict_named_files(words)
    named, options = _options_that_choose_the_config(options)
    config = configs / "default.yaml"
    if named.config or named.help:
        # Configurations first: what stands on the command line counts, on whichever side of them.
        TrainerCLI([command, *(f"--config={path}" for path in named.config), *options])
        return 0
    if named.ckpt_path is not None:  # a checkpoint brings the configuration of its run along
        checkpoint = find_checkpoint(named.ckpt_path, Path(named.root), named.name)
        options.append(f"--ckpt_path={checkpoint}")  # found once, so that what is damaged is named once
        of_run = run_of(checkpoint) / CONFIG
        if of_run.is_file():
            config = of_run
        else:
            print(f"there is no {of_run}: using {config}")
    try:
        TrainerCLI([command, f"--config={config}", *options])
    except MnistUnavailableError as error:
        if named.source is not None or named.ckpt_path is not None:
            raise
        _print_notice(f"{error}.\n\nTraining on scikit-learn's bundled 8x8 digits instead (configs/digits.yaml).")
        TrainerCLI([command, f"--config={configs / 'digits.yaml'}", *options], title=_FALLBACK_TITLE)
    return 0


def _options_that_choose_the_config(options: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return the options that say which configuration is read, and all options but --config itself."""
    configs = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    configs.add_argument("-c", "--config", action="append", default=[])
    others = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    others.add_argument("-h", "--help", action="store_true")
    others.add_argument("--name", default="*")
    others.add_argument("--ckpt_path")
    others.add_argument("--trainer.default_root_dir", dest="root", default=RUNS)
    others.add_argument("--data.source", dest="source")
    try:
        named, rest = configs.parse_known_args(options)
        return others.parse_known_args(rest, named)[0], rest
    except argparse.ArgumentError as error:
        raise UsageError(str(error)) from error


@rank_zero_only
def _print_notice(text: str) -> None:
    console = Console(stderr=True)
    console.rule("NOTICE: THIS IS NOT MNIST", characters="=")
    console.print(text, highlight=False, markup=False)
    console.rule(characters="=")
