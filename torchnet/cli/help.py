"""What `python train.py fit --help` says: the project's options, then those of Lightning's Trainer that matter."""

import re
from argparse import Action, RawDescriptionHelpFormatter
from typing import Any

from jsonargparse import DefaultHelpFormatter

from torchnet.cli.start import COMMANDS

_TITLES = {
    "model": "network and optimizer",
    "data": "images",
    "checkpoints": "checkpoints, of which there is also best.ckpt, by validation loss",
    "loss_line": "the notebook's loss, printed for the whole test and training sets",
    "gradient_check": "comparison of gradients with autograd's while training",
    "gradient_health": "norms, updates and saturation of each layer in the logs",
    "together": "several processes that train one network",
    "trainer": "length, device and logs: Lightning's Trainer (all its options: --print_config)",
}
_EPILOG = """\
A list is written like this: '[256, 128]'. The options of an optimizer, a
scheduler, a callback and the deformation are those of their constructors:
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
_TEXTS = {  # in place of Lightning's and jsonargparse's
    "help": "show this, and end.",
    "config": "options from a YAML file; if there are several, the later count over the earlier.",
    "print_config": "print the options that a run would have, as a configuration, and end.",
    "ckpt_path": "start from a checkpoint: last, best, the folder of a run, or a file.",
    "trainer.max_epochs": "epochs to train for, those before a checkpoint included; -1 for no end.",
    "trainer.max_steps": "steps to train for; -1 for no bound.",
    "trainer.max_time": "time to train for, as days:hours:minutes:seconds.",
    "trainer.accelerator": "cpu, gpu or auto.",
    "trainer.devices": "GPUs of each machine, or processes where there are none; each has its share of every step.",
    "trainer.num_nodes": "machines.",
    "trainer.limit_train_batches": "mini-batches an epoch, or the part of them, such as 0.1.",
    "trainer.check_val_every_n_epoch": "epochs from one validation to the next.",
    "trainer.callbacks": "callbacks of Lightning, such as EarlyStopping.",
    "trainer.logger": "a logger of Lightning; false for none, else metrics.csv and TensorBoard's file.",
    "trainer.log_every_n_steps": "steps from one row of metrics.csv to the next; 50 if null.",
    "trainer.enable_progress_bar": "true or false; on a terminal only if null.",
    "trainer.default_root_dir": "the folder of all runs.",
    "trainer.fast_dev_run": "take one step of everything and write nothing, to see that it runs.",
}
_LEFT_OUT = ("ActionLink", "_ActionConfigLoad", "_ActionHelpClassPath", "weights_only", "verbose", "return_predictions")
_LONGEST_TYPE = 21  # characters


class HelpFormatter(DefaultHelpFormatter, RawDescriptionHelpFormatter):
    """Say of each option what it does, its type if that is short, and its default."""

    def add_argument(self, action: Action) -> None:
        """Leave out what follows from other options, ways to say the same, and all of the Trainer without a text."""
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
        return re.sub(r", --\S+\+ \S+$", "", super()._format_action_invocation(action))  # --name+, which appends


def give_titles(parser: Any) -> None:
    """Say what the groups of a parser's options are about; the last one is the one that the command itself has."""
    for name, group in parser.groups.items():
        group.title = _TITLES.get(name, "going on from a checkpoint")
