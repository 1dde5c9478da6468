"""Network, data and Trainer from the options of the command line."""

import os
import sys
from collections.abc import Sequence
from typing import Any, TypeVar

from pytorch_lightning import Callback, Trainer, seed_everything
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from torchnet.cli.options import CALLBACKS, Options
from torchnet.data import DataError
from torchnet.runs.errors import UsageError
from torchnet.training.callbacks.checkpoints import Checkpoints
from torchnet.training.callbacks.progress_bar import StepProgressBar
from torchnet.training.checkpoint_io import CheckpointFiles
from torchnet.training.data_module import ImageData
from torchnet.training.distributed.replica_check import ReplicaCheck
from torchnet.training.distributed.strategy import use_replicas
from torchnet.training.lightning_internals import prepare_for_several_processes
from torchnet.training.module import Classifier
from torchnet.training.refusals import refuse_callbacks, refuse_trainer

SELF_EXPLANATORY = (DataError, UsageError, MisconfigurationException, OSError)  # errors with a message for users
AnyCallback = TypeVar("AnyCallback", bound=Callback)


def build(options: Options, callbacks: Sequence[Callback] = ()) -> tuple[Classifier, ImageData, Trainer]:
    """Build the network, the data and the Trainer.

    Args:
        options: the parsed command line.
        callbacks: further callbacks of the Trainer.

    Raises:
        UsageError: if a value does not work; DataError: if the data are missing or malformed.
    """
    seed_everything(options.values.seed_everything, workers=True, verbose=False)
    try:
        objects = options.instantiate()
        trainer = _trainer(options, objects, callbacks)
    except SELF_EXPLANATORY:
        raise
    except Exception as error:  # a constructor, of torchnet or of Lightning, rejects its arguments
        raise UsageError(str(error)) from error
    objects.data.trainer = trainer  # the data are needed before training, on the device of the Trainer
    return objects.model, objects.data, trainer


def keeps_results(options: Options) -> bool:
    """Return whether the command writes the folder of a run."""
    return options.command == "fit" and not options.values.trainer.fast_dev_run


def find_callback(trainer: Any, kind: type[AnyCallback]) -> AnyCallback:
    """Return the callback of a kind; there is one."""
    found: AnyCallback = next(callback for callback in trainer.callbacks if isinstance(callback, kind))
    return found


def _trainer(options: Options, objects: Any, callbacks: Sequence[Callback]) -> Trainer:
    arguments = dict(objects.trainer)
    asked = arguments["callbacks"]  # a list, or a single callback
    asked = [asked] if isinstance(asked, Callback) else list(asked or [])
    refuse_callbacks(asked)
    if arguments["enable_progress_bar"] or (arguments["enable_progress_bar"] is None and sys.stdout.isatty()):
        asked.append(StepProgressBar())
    saves = keeps_results(options) and arguments["enable_checkpointing"] is not False
    arguments |= {
        "callbacks": [*asked, *callbacks, *(objects[name] for name in CALLBACKS)],
        "enable_progress_bar": False,
        "enable_checkpointing": False,  # Lightning's own
        "plugins": [*(arguments["plugins"] or []), CheckpointFiles()],
    }
    if not keeps_results(options):
        arguments["logger"] = False
    if options.command != "fit":  # the other commands take a moment, however long the run took
        arguments |= {"devices": 1, "num_nodes": 1}
    use_replicas(objects.together.timeout)
    trainer: Any = Trainer(**arguments)
    refuse_trainer(trainer, objects.model.weight_dtype, objects.model.matmul_dtype)
    if trainer.world_size > 1:
        prepare_for_several_processes(trainer)
    if not trainer.is_global_zero:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - to the end: the first process prints for all
    others = [it for it in trainer.callbacks if not isinstance(it, (Checkpoints, ReplicaCheck))]
    # Replicas are compared before they are saved, and saved before other callbacks may change the state.
    trainer.callbacks = [objects.together, *([objects.checkpoints] if saves else []), *others]
    result: Trainer = trainer
    return result
