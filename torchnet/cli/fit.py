"""Training from the command line: the folder of the run, what is printed, and how the run ends."""

import shutil
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers.logger import DummyLogger

from torchnet.cli.options import Options
from torchnet.network import OPTIONS as NETWORK_OPTIONS
from torchnet.network import describe_sizes, network_options
from torchnet.printable import printable
from torchnet.replicas import ConnectionLostError
from torchnet.runs.config import parse_yaml
from torchnet.runs.errors import (
    UNEXPECTED,
    LostProcessError,
    StoppedError,
    UsageError,
    exit_code_of,
    report_error,
)
from torchnet.runs.folders import CHECKPOINTS, CONFIG, new_run_folder, run_of, step_checkpoints
from torchnet.storage import CheckpointError, write_durably
from torchnet.training.callbacks.metrics_log import MetricsLog, run_loggers
from torchnet.training.distributed.launcher import Launcher


class Fit(Callback):
    """One training run. As the last callback of its Trainer it knows whether training has started.

    Attributes:
        folder: the folder of the run; None if this process writes no results.
    """

    def __init__(self, options: Options, parts: Any) -> None:
        self.options, self.parts, self.trainer = options, parts, parts.trainer
        self.folder: Path | None = None
        self.has_started = False

    def run(self) -> None:
        """Train. A run that cannot start leaves no folder; the error of one that stops says how to resume it."""
        self._prepare()
        try:
            self.trainer.fit(self.parts.model, datamodule=self.parts.data, ckpt_path=self.options.values.ckpt_path)
        except (StoppedError, Exception) as cause:
            error = self._explained(cause)
            self._exit_unless_first(error)
            if error is cause:
                raise
            raise error from cause

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print what is trained, and where."""
        model = self.parts.model
        self.has_started = True
        weights = sum(weight.numel() for weight in model.net.parameters())
        processes = f"in {trainer.world_size} processes, " if trainer.world_size > 1 else ""
        print(
            f"{describe_sizes(model.net)} network, {weights:,} weights, {processes}on {trainer.strategy.root_device}",
            flush=True,
        )
        reason = f", not fused: {model.way.reason}" if model.way.reason else ""
        print(f"training steps are {model.way.name}{reason}", flush=True)
        if self.folder is not None:
            print(f"results in {printable(self.folder)}", flush=True)

    def _prepare(self) -> None:
        """Create the folder of the run with its configuration, and set up checkpoints and logs."""
        trainer, values, checkpoints = self.trainer, self.options.values, self.parts.checkpoints
        config, has_loggers = self.options.dump(), values.trainer.logger in (None, True) and not trainer.barebones
        found = self.options.checkpoint
        if trainer.world_size > 1:
            if found is not None:  # the other processes, which get the same arguments, must not look for another one
                sys.argv.append(f"--ckpt_path={found.path}")
            self.parts.together.common = {
                "configuration": config,
                "training set": self.parts.data.fingerprint,
                "version of torch": torch.__version__,
            }
        checkpoints.resumed_from = self.options.ckpt_path
        if not self.options.keeps_results:
            return
        parse_yaml(config, f"the {CONFIG} of this run")  # a resume has to read it
        if not trainer.is_global_zero:  # the first process writes the results
            if has_loggers:
                trainer.loggers = [DummyLogger()]  # all processes compute what is logged
            return
        checkpoints.options = decisive_options(self.options, self.parts)
        checkpoints.preprocessing = self.parts.data.preprocessing.as_dict()
        resumed = None if found is None else run_of(found.path)
        self.folder = new_run_folder(Path(values.trainer.default_root_dir), values.name, resumed)
        checkpoints.folder = self.folder / CHECKPOINTS
        write_durably(self.folder / CONFIG, config.encode())
        if has_loggers:
            trainer.loggers = run_loggers(self.folder)
        elif trainer.loggers:  # the report of the run, and a run that resumes it, read metrics.csv
            trainer.loggers = [*trainer.loggers, MetricsLog(self.folder)]  # trainer.logger stays the user's

    def _explained(self, error: BaseException) -> BaseException:
        """Return an error that says more than this one; itself if there is none."""
        how_to_resume = self._how_to_resume()
        if isinstance(error, StoppedError):
            return StoppedError(f"{error}; {how_to_resume}", error.exit_code)
        if not self.has_started and self.folder is not None:
            shutil.rmtree(self.folder)
        if isinstance(error, (ConnectionLostError, dist.DistError)):
            return LostProcessError(hint=how_to_resume)
        is_about_options = isinstance(error, (ValueError, TypeError, RuntimeError)) and str(error) != ""
        if self.has_started or exit_code_of(error) != UNEXPECTED or not is_about_options:
            return error
        if self.options.ckpt_path is not None:
            return CheckpointError(f"{self.options.ckpt_path}: the run cannot go on with these options ({error})")
        return UsageError(f"the Trainer cannot start: {error}")

    def _how_to_resume(self) -> str:
        if self.has_started and not self.trainer.is_global_zero:
            return "to resume from the last save: --ckpt_path last"
        if self.folder is not None and (saved := step_checkpoints(self.folder / CHECKPOINTS)):
            return f"to resume: --ckpt_path {saved[0]}"
        if self.options.ckpt_path is not None:
            return f"nothing new is saved yet; to resume from the same point: --ckpt_path {self.options.ckpt_path}"
        return "nothing is saved yet"

    def _exit_unless_first(self, error: BaseException) -> None:
        """Exit with the code of the error if there are other processes; process 0 leaves a report to its caller."""
        launcher, process, code = self.trainer.strategy.launcher, self.trainer.global_rank, exit_code_of(error)
        if isinstance(launcher, Launcher) and not (launcher.reports and process == 0):
            raise SystemExit(report_error(error, process) if launcher.reports else code) from error


def decisive_options(options: Options, parts: Any) -> dict[str, Any]:
    """Return the options that decide which samples a step trains on, and what it computes from them.

    A position in an epoch is valid for these samples only. Of the network they are its kind, and what the names and
    shapes of its weights do not show. Its activation may change, as the learning rate may.
    """
    names = ("batch_size", "order", "one_hot", "validation_fraction")
    model = options.values.model
    network = network_options(model.network, {name: model[name] for name in NETWORK_OPTIONS})
    return {
        "seed_everything": int(options.values.seed_everything),
        "model.network": model.network,
        **({"model.pooling": network["pooling"]} if "pooling" in network else {}),
        **{f"data.{name}": options.values.data[name] for name in names},
        "data, SHA-256": parts.data.fingerprint,
        "trainer.limit_train_batches": parts.trainer.limit_train_batches,
        **({"trainer.overfit_batches": overfit} if (overfit := parts.trainer.overfit_batches) > 0 else {}),
    }
