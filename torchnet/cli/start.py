"""What `python train.py` answers at once, before torch and Lightning are imported, which takes seconds."""

import os
import sys
from pathlib import Path

from torchnet.choices import did_you_mean, nearest

COMMANDS = {
    "fit": "train a network; this is done if no command is named",
    "validate": "print loss and report of the validation images",
    "test": "print loss and report of the test images",
    "predict": "answer for image files; without any, write predictions.csv",
}
_OVERVIEW = """\
usage: python train.py [COMMAND] [OPTIONS]

Train networks whose gradients are written by hand, and use them.

commands:
{commands}

options, the same for all commands:
  --help                 after a command: all options and their defaults
  --config FILE          options from a YAML file (configs/default.yaml); if
                         there are several, the later count over the earlier
  --ckpt_path RUN        start from a checkpoint, with the options of its run:
                         last, best, the folder of a run, or a file; all
                         commands but fit need it
  --print_config         print the options that a run would have, and end
  --SECTION.NAME VALUE   an option by itself, over those of files; the sections
                         are model, data, checkpoints, loss_line,
                         gradient_check, gradient_health, together and
                         trainer

examples:
  python train.py                                     the notebook's network
  python train.py --config configs/fast.yaml          the same, sooner
  python train.py --config configs/digits.yaml        offline, in seconds
  python train.py --model.hidden_sizes '[256, 128]' --model.activation relu
  python train.py --ckpt_path last --trainer.max_epochs 60
  python train.py test --ckpt_path last
  python train.py predict --ckpt_path last digit.png photos/*.jpg

The results are in runs/<name>/<time>/. See also: python -m torchnet --help

exit code: 0 when done, 2 for wrong usage, 65 for bad data, 66 for a checkpoint
that cannot be used, 70 when a number is not finite, 74 when a disk fails, 75
when another process is lost, 130 after Ctrl-C, 143 after SIGTERM.
"""


def main(configs: Path, arguments: list[str] | None = None) -> int:
    """Answer --help and a command that there is not; else do as `torchnet.cli.main.main` does."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] in (["-h"], ["--help"]):
        print(_OVERVIEW.format(commands="\n".join(f"  {name:10} {text}" for name, text in COMMANDS.items())), end="")
        return 0
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        hint = did_you_mean(nearest(arguments[0], COMMANDS))
        print(f"error: {arguments[0]}: expected a command, {', '.join(COMMANDS)}, or an option{hint}", file=sys.stderr)
        return 2
    # Of a connection that is lost, or not there yet, torch's C++ would print the whole stack.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")
    from torchnet.cli import main as command_line

    return command_line.main(configs, arguments)
