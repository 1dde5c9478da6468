"""The start of `python train.py`: --help and unknown commands are answered without importing torch or Lightning."""

import atexit
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import fill

from torchnet.choices import did_you_mean, nearest
from torchnet.cli.command_list import COMMANDS
from torchnet.printable import printable
from torchnet.runs.errors import is_out_of_memory, report_error
from torchnet.runs.sections import SECTIONS
from torchnet.runs.streams import open_streams

_OVERVIEW = """\
usage: python train.py [COMMAND] [OPTIONS]

Train networks whose gradients are written by hand, and use them.

commands:
{commands}

options, the same for all commands:
  --help                 after a command: all its options and their defaults
  --config FILE          read options from a YAML file (configs/default.yaml);
                         can be repeated, later files override earlier ones
  --ckpt_path RUN        start from a checkpoint, with the configuration of its
                         run: last, best, last:NAME, best:NAME, the folder of a
                         run, or a file; required by all commands except fit
  --trust-run            obey all of that configuration: it may run code
  --print_config         print the resulting configuration and exit
  --SECTION.NAME VALUE   set one option; overrides the files. Sections:
{sections}

examples:
  python train.py                                     the notebook's network
  python train.py --config configs/fast.yaml          the same, in less time
  python train.py --config configs/digits.yaml        offline, in seconds
  python train.py --model.hidden_sizes '[256, 128]' --model.activation relu
  python train.py --ckpt_path last --trainer.max_epochs 60
  python train.py test --ckpt_path last
  python train.py predict --ckpt_path last digit.png photos/*.jpg

Results are written to runs/<name>/<time>/. See also: python -m torchnet --help

exit codes: 0 done, 2 wrong usage, 65 bad data, 66 unusable checkpoint, 70 Inf,
NaN or a wrong gradient, 71 out of memory, 74 disk error, 75 another process
lost, 99 a fault of torchnet, 129 terminal closed, 130 Ctrl-C, 143 SIGTERM.
"""

_MOST_PROCESSES = 10**6
_NUMBERS = {  # environment variables that tell processes about each other, and the largest number that each may be
    "MASTER_PORT": 65535,
    "TORCHNET_PARENT": 2**31,
    **dict.fromkeys(("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"), _MOST_PROCESSES),
    **dict.fromkeys(("NODE_RANK", "GROUP_RANK", "JSM_NAMESPACE_RANK"), _MOST_PROCESSES),
    **dict.fromkeys(("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_NODEID"), _MOST_PROCESSES),
}


def main(configs: Path, arguments: list[str] | None = None) -> int:
    """Answer --help and unknown commands; otherwise run `torchnet.cli.main.main` and return its exit code.

    Args:
        configs: the folder of default.yaml and digits.yaml.
        arguments: the arguments of the command line; None for those of the process.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] in (["-h"], ["--help"]):
        commands = "\n".join(f"  {name:10} {text}" for name, text in COMMANDS.items())
        indent = " " * 25
        sections = fill(", ".join(SECTIONS), 80, initial_indent=indent, subsequent_indent=indent)
        try:
            print(_OVERVIEW.format(commands=commands, sections=sections), end="", flush=True)
        except OSError as error:
            return report_error(error)
        return 0
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        hint = did_you_mean(nearest(arguments[0], COMMANDS))
        if Path(arguments[0]).exists():
            hint = f": to train on this file or folder, --data.source {arguments[0]}"
        message = f"{arguments[0]}: expected a command, {', '.join(COMMANDS)}, or an option{hint}"
        print(f"error: {printable(message)}", file=sys.stderr)
        return 2
    if (fault := open_streams() or _wrong_variable()) is not None:
        print(f"error: {printable(fault)}", file=sys.stderr)
        return 2 if sys.stdout else 74
    # Torch's C++ code would print a stack trace when a connection fails.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")
    try:
        run = _import(configs, arguments)
    except (MemoryError, ImportError) as error:
        if not is_out_of_memory(error):
            raise
        return report_error(error)
    return run(configs, arguments)


def _import(configs: Path, arguments: list[str]) -> Callable[[Path, list[str]], int]:
    """Import the command line; if this takes seconds, read the data and start CUDA meanwhile."""
    if "pytorch_lightning" not in sys.modules:
        gc.disable()  # millions of objects are made and none is garbage: to look for it takes a third of the time
        from torchnet.cli import ahead

        text = ahead.text_of_options(configs, arguments)
        ahead.read_data(text)
        import torch  # noqa: F401

        ahead.start_cuda(text, _NUMBERS)
    from torchnet.cli.main import main as run

    if not gc.isenabled():
        gc.freeze()  # what was imported stays: no later search for garbage goes through it
        atexit.register(gc.unfreeze)  # Python's end frees it
        gc.enable()
    return run


def _wrong_variable() -> str | None:
    """Return what is wrong with the variables of the environment that libraries read while they are imported."""
    for name, most in _NUMBERS.items():
        value = os.environ.get(name, "0")
        if not value.isdecimal() or not value.isascii() or int(value[:9]) > most:
            return f"{name}: expected a whole number up to {most} in this environment variable, got {value!r}: unset it"
    return None
