"""The commands: what the command line does with a network, data and a Trainer made from its arguments."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric.utilities.distributed import _set_num_threads_if_needed
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import LambdaCallback
from pytorch_lightning.loggers.logger import DummyLogger
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from rich.console import Console
from torch import Tensor

from torchnet.cli.options import ArgumentsCLI
from torchnet.data import DataError
from torchnet.reporting import evaluate, print_report, run_report, write_predictions, write_report
from torchnet.reporting.page import FIGURES, PAGE, write_page
from torchnet.reporting.run_data import FACTS, REPORT
from torchnet.runs.environment import environment
from torchnet.runs.errors import (
    CheckpointError,
    LostProcessError,
    StoppedError,
    UsageError,
    exit_code_of,
    report_error,
)
from torchnet.runs.folders import CHECKPOINTS, CONFIG, new_run_folder, run_of, step_checkpoints
from torchnet.runs.record import read_record
from torchnet.storage import read_checkpoint, write_durably
from torchnet.training.callbacks.checkpoints import Checkpoints
from torchnet.training.callbacks.loss_line import LossLine
from torchnet.training.callbacks.metrics_log import run_loggers
from torchnet.training.callbacks.progress_bar import StepBar
from torchnet.training.callbacks.run_stats import Facts
from torchnet.training.checkpoint_io import CheckpointFiles
from torchnet.training.distributed.launcher import Launcher, lost
from torchnet.training.distributed.replica_check import Together
from torchnet.training.distributed.strategy import use_replicas
from torchnet.training.module import Classifier
from torchnet.training.refusals import refuse_callbacks, refuse_trainer
from torchnet.training.resume_checks import Verification, finished_epochs

_SPEAKS_FOR_ITSELF = (DataError, UsageError, MisconfigurationException, OSError)
_WIDE = 130  # columns of a table where no terminal sets the width


class TrainerCLI(ArgumentsCLI):
    """Build network, data and Trainer from the arguments, and run the command.

    Args:
        arguments: a command and its options.
        title: of the report; the name of the run if None.

    Raises:
        UsageError: if an option or a configuration file is not one that works.
        DataError: if the data are not there or not what they should be.
        CheckpointError: if the checkpoint to start from cannot be used.
    """

    def __init__(self, arguments: list[str], title: str | None = None) -> None:
        self.title = title
        self.facts = Facts(arguments)
        super().__init__(arguments)

    def instantiate_classes(self) -> None:
        try:
            super().instantiate_classes()
        except _SPEAKS_FOR_ITSELF:
            raise
        except Exception as error:  # a constructor, of ours or of the Trainer's parts, refused its arguments
            raise UsageError(str(error)) from error
        self.datamodule.trainer = self.trainer  # they are looked at before training, and have to be on its device then
        if self.ckpt_path is not None:
            self._verify_checkpoint(self.ckpt_path)

    def _verify_checkpoint(self, path: Path) -> None:
        checkpoint = read_checkpoint(path)
        verification = Verification(path, checkpoint)
        verification.expect_contents()
        verification.expect_weights_of(self.model)
        verification.expect_states_of(cast(Any, self.trainer).callbacks)
        if self.subcommand == "fit":
            verification.expect_same_run(self._decisive_options())
            verification.expect_updates_of(self.model)
            if not self._get(self.config, "allow_environment_change"):
                here = environment(self.trainer.strategy.root_device, self.trainer.world_size)
                verification.expect_same_environment(here)
            epochs = finished_epochs(checkpoint)
            is_over = self.trainer.max_epochs is not None and 0 <= self.trainer.max_epochs <= epochs
            if is_over and (run_of(path) / REPORT).is_file():  # without a report, it was stopped before its end
                raise UsageError(
                    f"{path} is at the end of epoch {epochs}, the last: ask for more with --trainer.max_epochs"
                )
        print(f"from {path}, after {checkpoint['global_step']} steps")

    def _decisive_options(self) -> dict[str, Any]:
        """Return what decides on which samples a step trains; without it a position in an epoch means nothing."""
        data = self._get(self.config, "data")
        names = ("batch_size", "order", "one_hot", "validation_fraction")
        return {
            "seed_everything": int(self._get(self.config, "seed_everything")),
            **{f"data.{name}": data[name] for name in names},
            "data, SHA-256": self.datamodule.fingerprint,
            "trainer.limit_train_batches": self.trainer.limit_train_batches,
        }

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        options = self._get(self.config_init, "trainer")
        asked = options.callbacks  # a list, or one that has no arguments
        callbacks: list[Any] = [asked] if isinstance(asked, Callback) else list(asked or [])
        refuse_callbacks(callbacks)
        if options.enable_progress_bar or (options.enable_progress_bar is None and sys.stdout.isatty()):
            callbacks.append(StepBar())
        callbacks.append(self.facts)
        callbacks.append(LambdaCallback(on_train_start=lambda *_: self._announce()))
        self.keeps_results = self.subcommand == "fit" and not options.fast_dev_run
        saves = self.keeps_results and options.enable_checkpointing is not False
        if not self.keeps_results:
            kwargs["logger"] = False
        kwargs["enable_checkpointing"] = False  # Lightning's
        kwargs["plugins"] = [*(options.plugins or []), CheckpointFiles()]
        if self.subcommand != "fit":  # which takes a moment, whatever the run took
            kwargs |= {"devices": 1, "num_nodes": 1}
        use_replicas(self.together.timeout)
        trainer: Any = super().instantiate_trainer(callbacks=callbacks, enable_progress_bar=False, **kwargs)
        refuse_trainer(trainer, self.model.weight_dtype, self.model.matmul_dtype)
        if trainer.world_size > 1:
            # Ours are set. Lightning's would talk to the other processes wherever a signal finds this one.
            trainer._signal_connector.register_signal_handlers = lambda: None
            _set_num_threads_if_needed(trainer.strategy.num_processes)  # and in what this one starts
        if not trainer.is_global_zero:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - to the end: the first process speaks for all
        others = [it for it in trainer.callbacks if it is not self.checkpoints and it is not self.together]
        # What is saved is looked at before that, and saved before other callbacks may change it.
        trainer.callbacks = [self.together, *([self.checkpoints] if saves else []), *others]
        return trainer

    @property
    def checkpoints(self) -> Checkpoints:
        return cast(Checkpoints, self._get(self.config_init, "checkpoints"))

    @property
    def together(self) -> Together:
        return cast(Together, self._get(self.config_init, "together"))

    def before_fit(self) -> None:
        config = self.config.fit.clone()
        if self.trainer.world_size > 1:
            self.together.what = {
                "configuration": self._parser("fit").dump(config, skip_unset=False),
                "set of training images": self.datamodule.fingerprint,
                "version of torch": torch.__version__,
            }
        self.checkpoints.resumed_from = self.ckpt_path
        if self.keeps_results and not self.trainer.is_global_zero:
            self.keeps_results = False  # the first process does
            if config.trainer.logger in (None, True):
                self.trainer.loggers = [DummyLogger()]  # what is logged is computed by all
        if self.keeps_results:
            self.checkpoints.options = self._decisive_options()
            self.run_folder = new_run_folder(Path(config.trainer.default_root_dir), config.name)
            config.ckpt_path = None  # so that the configuration, used again, trains from the start
            text = self._parser("fit").dump(config, skip_unset=False)  # null is a value, too
            write_durably(self.run_folder / CONFIG, text.encode())
            if config.trainer.logger in (None, True):
                self.trainer.loggers = run_loggers(self.run_folder)
            self.checkpoints.folder = self.run_folder / CHECKPOINTS

    def fit(self, model: Classifier, **kwargs: Any) -> None:
        """Train; a run that cannot begin leaves no folder behind, one that is stopped leaves word of how to go on."""
        self.has_begun = False
        with self._one_speaks():
            try:
                self.trainer.fit(model, **kwargs)
            except StoppedError as error:
                raise StoppedError(f"{error}; {self._how_to_resume()}", error.exit_code) from error
            except Exception as error:
                how_to_resume = self._how_to_resume()
                if not self.has_begun and self.keeps_results:
                    shutil.rmtree(self.run_folder)
                if lost(error) and not isinstance(error, LostProcessError):
                    raise LostProcessError(hint=how_to_resume) from error
                if self.has_begun or isinstance(error, (*_SPEAKS_FOR_ITSELF, LostProcessError)):
                    raise
                if self.ckpt_path is not None:
                    raise CheckpointError(f"{self.ckpt_path}: cannot be restored ({error})") from error
                raise UsageError(f"the Trainer cannot begin: {error}") from error

    @contextmanager
    def _one_speaks(self) -> Iterator[None]:
        """Let one process report what ends all of them; the others just end, with the exit code of their own error."""
        try:
            yield
        except (StoppedError, Exception) as error:
            launcher, process = self.trainer.strategy.launcher, self.trainer.global_rank
            code = exit_code_of(error)
            if not isinstance(launcher, Launcher) or code is None or (launcher.speaks and process == 0):
                raise
            raise SystemExit(report_error(error, process) if launcher.speaks else code) from error

    def _announce(self) -> None:
        self.has_begun = True
        weights = sum(weight.numel() for weight in self.model.net.parameters())
        sizes = "-".join(map(str, self.model.layer_sizes))
        processes = f"in {self.trainer.world_size} processes, " if self.trainer.world_size > 1 else ""
        print(f"{sizes} network, {weights:,} weights, {processes}on {self.trainer.strategy.root_device}", flush=True)
        if processes and self.model.captured:
            print("steps are taken as they are written: to replay a captured one is for a single process", flush=True)
        if self.keeps_results:
            print(f"results in {self.run_folder}", flush=True)

    def _how_to_resume(self) -> str:
        if self.has_begun and not self.trainer.is_global_zero:
            return "to go on from what was saved: --ckpt_path last"
        if self.keeps_results and (saved := step_checkpoints(self.run_folder / CHECKPOINTS)):
            return f"to go on from where it was: --ckpt_path {saved[0]}"
        if self.ckpt_path is not None:
            return f"nothing new is saved yet; to go on from where it began: --ckpt_path {self.ckpt_path}"
        return "nothing is saved yet"

    def after_fit(self) -> None:
        for callback in self.trainer.early_stopping_callbacks:
            if callback.stopped_epoch > 0:
                print(f"stopped after epoch {callback.stopped_epoch + 1}: {callback.monitor} has ceased to improve")
        if not self.trainer.is_global_zero:
            return
        if self.keeps_results:
            report = self._report(list(self.datamodule.splits))
            write_report(report, self.run_folder / REPORT)
            self.facts.write(self.run_folder / FACTS, self.trainer)
            if self._get(self.config, "report"):
                record = read_record(self.run_folder, self.model.trained)
                write_page([record], self.run_folder / PAGE, self.run_folder / FIGURES)
                print(f"report in {self.run_folder / PAGE}")
            print(f"results in {self.run_folder}", flush=True)

    def validate(self, model: Classifier, **kwargs: Any) -> None:
        """Print loss and report of the validation set."""
        self.trainer.validate(model, **kwargs | {"verbose": False})
        print(f"val loss = {self.trainer.callback_metrics['val/loss']:.6g}")
        self._report(["val"])

    def test(self, model: Classifier, **kwargs: Any) -> None:
        """Print loss and report of the test set."""
        self.trainer.test(model, **kwargs | {"verbose": False})
        print(f"test loss = {self.trainer.callback_metrics['test/loss']:.6g}")
        self._report(["test"])

    def predict(self, model: Classifier, **kwargs: Any) -> None:
        """Write the label of each test image, in the order of its file, and the probability of each class."""
        probabilities = torch.cat(cast(list[Tensor], self.trainer.predict(model, **kwargs)))
        path = run_of(cast(Path, self.ckpt_path)) / "predictions.csv"
        write_predictions(probabilities, path)
        print(f"{len(probabilities)} predictions in {path}")

    def _report(self, splits: list[str]) -> dict[str, Any]:
        """Evaluate the network on whole splits, print the report and return it."""
        self.model.to(self.trainer.strategy.root_device)  # Lightning leaves the network on the CPU
        losses = cast(LossLine, self._get(self.config_init, "loss_line")).losses
        report = run_report(
            self.title or self._get(self.config, "name"),
            losses,
            {split: evaluate(self.model.trained, self.datamodule.evaluation_loader(split)) for split in splits},
            {split: self.datamodule.splits[split][0] for split in splits if split != "train"},
        )
        print_report(report, Console(width=None if sys.stdout.isatty() else _WIDE))
        return report
