"""Network, data and Trainer from the options of the command line."""

import os
import re
import sys
from enum import Enum
from inspect import signature
from typing import Any

import yaml
from pytorch_lightning import Callback, Trainer, seed_everything
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from torchnet.cli.options import Options
from torchnet.data import DataError
from torchnet.runs.errors import UsageError, is_out_of_memory
from torchnet.training.callbacks.epoch_line import EpochLine
from torchnet.training.callbacks.progress_bar import StepProgressBar
from torchnet.training.callbacks.user_callbacks import refuse_asked_callbacks
from torchnet.training.checkpoint_io import CheckpointFiles
from torchnet.training.distributed.strategy import use_replicas
from torchnet.training.lightning_internals import prepare_for_several_processes
from torchnet.training.refusals import refuse_trainer
from torchnet.training.trainer_options import notices, refuse_options

SELF_EXPLANATORY = (DataError, UsageError, MisconfigurationException, OSError)  # errors with a message for users
_REASON = re.compile(r"Errors:\n  - (.*?)\n(?:  - |Given value)", re.DOTALL)  # the first of those that jsonargparse has

# config.yaml has the value of an enum, such as the interval of Lightning's Timer, which a parser reads again.
yaml.SafeDumper.add_multi_representer(Enum, lambda dumper, member: dumper.represent_data(member.value))


def build(options: Options) -> Any:
    """Build the objects of all sections of the configuration; return them in a namespace, by section."""
    seed_everything(options.values.seed_everything, workers=True, verbose=False)
    try:
        parts = options.instantiate()
        parts.trainer = _trainer(options, parts)
    except SELF_EXPLANATORY:
        raise
    except Exception as error:  # a constructor, of torchnet or of Lightning, rejects its arguments
        if is_out_of_memory(error):
            raise
        found = _REASON.search(str(error))
        raise UsageError(str(error) if found is None else found[1]) from error
    parts.data.trainer = parts.trainer  # the data are needed before training, on the device of the Trainer
    return parts


def _trainer(options: Options, parts: Any) -> Any:
    arguments = dict(parts.trainer)
    asked = arguments["callbacks"]  # a list, or a single callback
    asked = [asked] if isinstance(asked, Callback) else list(asked or [])
    refuse_asked_callbacks(asked)
    refuse_options(arguments)
    plugins = arguments["plugins"] or []  # a list, or a single plugin
    epoch_line = parts.epoch_line = EpochLine()
    if arguments["enable_progress_bar"] or (arguments["enable_progress_bar"] is None and sys.stdout.isatty()):
        asked.append(StepProgressBar(epoch_line))
    saves = options.keeps_results and arguments["enable_checkpointing"] is not False and not arguments["barebones"]
    arguments |= {
        # Replicas are compared before they are saved, and saved before other callbacks may change the state.
        "callbacks": [
            parts.together,
            *([parts.checkpoints] if saves else []),
            *asked,
            *([] if arguments["barebones"] else [epoch_line]),
            parts.loss_line,
            parts.gradient_check,
            parts.gradient_health,
        ],
        "enable_progress_bar": False,
        "enable_checkpointing": False,  # Lightning's own
        "plugins": [*(plugins if isinstance(plugins, list) else [plugins]), CheckpointFiles(options.checkpoint)],
    }
    if not options.keeps_results:
        arguments["logger"] = False
    if options.command != "fit":  # the other commands take a moment, however long the run took
        arguments |= {"devices": 1, "num_nodes": 1}
    use_replicas(parts.together.timeout)
    trainer: Any = Trainer(**arguments)
    refuse_trainer(trainer, parts.model.weight_dtype, parts.model.matmul_dtype)
    if trainer.world_size > 1:
        prepare_for_several_processes(trainer)
    if not trainer.is_global_zero:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - to the end: the first process prints for all
    for notice in notices(parts.trainer, {name: it.default for name, it in signature(Trainer).parameters.items()}):
        print(notice, flush=True)
    return trainer
