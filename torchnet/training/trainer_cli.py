"""The commands: what the command line does with a network, data and a Trainer made from its arguments."""

import shutil
import sys
from pathlib import Path
from typing import Any, cast

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import LambdaCallback, ModelCheckpoint
from pytorch_lightning.utilities.exceptions import MisconfigurationException, SIGTERMException
from rich.console import Console
from torch import Tensor

from torchnet.data import DataError
from torchnet.reporting import evaluate, print_report, run_report, write_predictions, write_report
from torchnet.training.arguments import ArgumentsCLI
from torchnet.training.checkpoints import BestCheckpoint, LastCheckpoint, finished_epochs, read_checkpoint
from torchnet.training.errors import CheckpointError, StoppedError, UsageError
from torchnet.training.loss_line import LossLine
from torchnet.training.module import Classifier
from torchnet.training.refusals import refuse_trainer
from torchnet.training.runs import CHECKPOINTS, new_run_folder, run_loggers, run_of
from torchnet.training.step_bar import StepBar

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
        super().__init__(arguments)

    def instantiate_classes(self) -> None:
        try:
            super().instantiate_classes()
        except _SPEAKS_FOR_ITSELF:
            raise
        except Exception as error:  # a constructor, of ours or of the Trainer's parts, refused its arguments
            raise UsageError(str(error)) from error
        if self.ckpt_path is not None:
            checkpoint = read_checkpoint(self.ckpt_path, self.model, resume=self.subcommand == "fit")
            if self.subcommand == "fit":
                self._expect_more_than(finished_epochs(self.ckpt_path, checkpoint))
            print(f"from {self.ckpt_path}, after {checkpoint['global_step']} steps")

    def _expect_more_than(self, epochs: int) -> None:
        if self.trainer.max_epochs is not None and 0 <= self.trainer.max_epochs <= epochs:
            raise UsageError(
                f"{self.ckpt_path} is at the end of epoch {epochs}, the last: ask for more with --trainer.max_epochs"
            )

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        options = self._get(self.config_init, "trainer")
        callbacks = list(options.callbacks or [])
        if options.enable_progress_bar or (options.enable_progress_bar is None and sys.stdout.isatty()):
            callbacks.append(StepBar())
        callbacks.append(LambdaCallback(on_train_start=lambda *_: self._announce()))
        self.keeps_results = self.subcommand == "fit" and not options.fast_dev_run
        if not self.keeps_results:
            kwargs |= {"logger": False, "enable_checkpointing": False}
        elif options.enable_checkpointing is not False:
            if self.datamodule.validates:
                callbacks.append(BestCheckpoint(self.ckpt_path))
            callbacks.append(LastCheckpoint())  # behind the best, whose score it is to hold
        trainer = super().instantiate_trainer(callbacks=callbacks, enable_progress_bar=False, **kwargs)
        refuse_trainer(trainer, self.model.weight_dtype, self.model.matmul_dtype)
        return trainer

    def before_fit(self) -> None:
        if self.keeps_results:
            config = self.config.fit.clone()
            self.run_folder = new_run_folder(Path(config.trainer.default_root_dir), config.name)
            config.ckpt_path = None  # so that the configuration, used again, trains from the start
            self._parser("fit").save(config, str(self.run_folder / "config.yaml"))
            if config.trainer.logger in (None, True):
                self.trainer.loggers = run_loggers(self.run_folder)
            for checkpoint in self.trainer.checkpoint_callbacks:
                if isinstance(checkpoint, ModelCheckpoint) and checkpoint.dirpath is None:
                    checkpoint.dirpath = str(self.run_folder / CHECKPOINTS)

    def fit(self, model: Classifier, **kwargs: Any) -> None:
        """Train; a run that cannot begin leaves no folder behind, one that is stopped leaves word of how to go on."""
        self.has_begun = False
        try:
            self.trainer.fit(model, **kwargs)
        except SystemExit as error:
            if isinstance(error, SIGTERMException):
                raise StoppedError(f"terminated; {self._how_to_resume()}", exit_code=143) from error
            if isinstance(error.__context__, KeyboardInterrupt):  # Lightning turns it into exit(1)
                raise StoppedError(f"interrupted; {self._how_to_resume()}", exit_code=130) from error
            raise
        except Exception as error:
            if self.has_begun:
                raise
            if self.keeps_results:
                shutil.rmtree(self.run_folder)
            if isinstance(error, _SPEAKS_FOR_ITSELF):
                raise
            if self.ckpt_path is not None:
                raise CheckpointError(f"{self.ckpt_path}: cannot be restored ({error})") from error
            raise UsageError(f"the Trainer cannot begin: {error}") from error

    def _announce(self) -> None:
        self.has_begun = True
        weights = sum(weight.numel() for weight in self.model.net.parameters())
        sizes = "-".join(map(str, self.model.layer_sizes))
        print(f"{sizes} network, {weights:,} weights, on {self.trainer.strategy.root_device}", flush=True)
        if self.keeps_results:
            print(f"results in {self.run_folder}", flush=True)

    def _how_to_resume(self) -> str:
        if self.keeps_results and (checkpoint := self.run_folder / CHECKPOINTS / "last.ckpt").is_file():
            return f"to go on from the end of the last finished epoch: --ckpt_path {checkpoint}"
        if self.ckpt_path is not None:
            return f"nothing new is saved yet; to go on from where it began: --ckpt_path {self.ckpt_path}"
        return "nothing is saved yet, as no epoch was finished"

    def after_fit(self) -> None:
        for callback in self.trainer.early_stopping_callbacks:
            if callback.stopped_epoch > 0:
                print(f"stopped after epoch {callback.stopped_epoch + 1}: {callback.monitor} has ceased to improve")
        if self.keeps_results:
            report = self._report(list(self.datamodule.splits))
            write_report(report, self.run_folder / "report.json")
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
        )
        print_report(report, Console(width=None if sys.stdout.isatty() else _WIDE))
        return report
