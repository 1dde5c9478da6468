"""The help of a command: the options of the project, then those of Lightning's Trainer that matter."""

import re
from argparse import Action, RawDescriptionHelpFormatter
from typing import Any

from jsonargparse import DefaultHelpFormatter

from torchnet.cli.command_list import COMMANDS
from torchnet.runs.sections import SECTIONS

_EPILOG = """\
Write lists like this: '[256, 128]'. Optimizers, schedulers, callbacks and the
deformation have the options of their constructors; to list them:
--model.optimizer.help torch.optim.AdamW and --data.deformation.help.

examples:
  python train.py --model.hidden_sizes 64 --model.depth 5 --model.lr 0.5
  python train.py --model.optimizer torch.optim.AdamW --model.optimizer.lr 0.002
  python train.py --model.scheduler torch.optim.lr_scheduler.StepLR \\
                  --model.scheduler.step_size 1000
  python train.py --data.deformation.rotation 12 --data.deformation.scale 0.1
  python train.py --data.validation_fraction 0.1 \\
                  --trainer.callbacks EarlyStopping \\
                  --trainer.callbacks.monitor val/loss
"""
TEXTS_OF_COMMANDS = {
    command: {
        "usage": f"python train.py {command} [OPTIONS]",
        "description": f"{text[0].upper()}{text[1:]}.",
        "epilog": _EPILOG if command == "fit" else f"example:\n  python train.py {command} --ckpt_path last\n",
    }
    for command, text in COMMANDS.items()
}
_TEXTS = {  # instead of Lightning's and jsonargparse's
    "help": "show this message and exit.",
    "config": "read options from a YAML file; can be repeated, later files override earlier ones.",
    "print_config": "print the resulting configuration and exit.",
    "ckpt_path": "start from a checkpoint: last, best, last:NAME, best:NAME, the folder of a run, or a file.",
    "trainer.max_epochs": "train up to this number of epochs, counted from the start of the run; -1 for no limit.",
    "trainer.max_steps": "train up to this number of steps; -1 for no limit.",
    "trainer.max_time": "train for this time at most, as days:hours:minutes:seconds.",
    "trainer.accelerator": "cpu, gpu or auto.",
    "trainer.devices": "number of GPUs per machine, or of processes on the CPU; they share every mini-batch.",
    "trainer.num_nodes": "number of machines.",
    "trainer.limit_train_batches": "mini-batches per epoch, or the fraction of them, such as 0.1.",
    "trainer.overfit_batches": "train on this many mini-batches only, the same in every epoch.",
    "trainer.check_val_every_n_epoch": "validate after every n-th epoch.",
    "trainer.callbacks": "callbacks of Lightning, such as EarlyStopping.",
    "trainer.logger": "a logger of Lightning; false for none; default: metrics.csv, and TensorBoard if installed.",
    "trainer.log_every_n_steps": "log every n-th step to metrics.csv; 50 if null.",
    "trainer.enable_progress_bar": "true or false; default: only in a terminal.",
    "trainer.default_root_dir": "the folder of all runs.",
    "trainer.fast_dev_run": "run one step of everything and write nothing, as a test.",
}
_LEFT_OUT = ("ActionLink", "_ActionConfigLoad", "_ActionHelpClassPath", "weights_only", "verbose", "return_predictions")
_LONGEST_TYPE = 21  # characters


class HelpFormatter(DefaultHelpFormatter, RawDescriptionHelpFormatter):
    """Show for each option what it does, its type if that is short, and its default."""

    def add_argument(self, action: Action) -> None:
        """Leave out options that follow from others, duplicates, and options of the Trainer without a text."""
        kind, name = type(action).__name__, action.dest
        if kind not in _LEFT_OUT and name not in _LEFT_OUT and (name in _TEXTS or not name.startswith("trainer.")):
            super().add_argument(action)

    def _get_help_string(self, action: Action) -> str:
        text, action.help = action.help, _TEXTS.get(action.dest, action.help)
        try:
            return re.sub(r"(, )?known subclasses: [^)]*", "", super()._get_help_string(action))
        finally:
            action.help = text

    def _get_type_str(self, action: Action) -> str | None:
        name = super()._get_type_str(action)
        return None if name is None or len(name) > _LONGEST_TYPE else name

    def _format_action_invocation(self, action: Action) -> str:
        return re.sub(r", --\S+\+ \S+$", "", super()._format_action_invocation(action))  # the appending --name+


def give_titles(parser: Any) -> None:
    """Set the titles of the groups of options; the last group belongs to the command itself."""
    for name, group in parser.groups.items():
        group.title = SECTIONS.get(name, "resume")
