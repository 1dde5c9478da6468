"""One command of train.py: what it does with the network, the data and the Trainer."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from rich.console import Console
from torch import Tensor

from torchnet.cli.build import build
from torchnet.cli.config_file import Select
from torchnet.cli.finished import (
    BestWeights,
    is_finished,
    load_best_weights,
    override_patience,
    why_stopped,
    zero_limit,
)
from torchnet.cli.fit import Fit, decisive_options
from torchnet.cli.options import Options
from torchnet.data import DataError, Pixels
from torchnet.printable import printable
from torchnet.reporting import print_report, read_report, run_report, write_predictions, write_report
from torchnet.reporting.feature_maps import feature_maps
from torchnet.reporting.page import FIGURES, PAGE, write_page
from torchnet.reporting.run_data import FACTS, REPORT
from torchnet.runs.described_network import expect_described
from torchnet.runs.errors import UsageError
from torchnet.runs.folders import FoundCheckpoint, run_of
from torchnet.runs.load_network import saved_preprocessing, trained_weights
from torchnet.runs.record import read_record
from torchnet.storage import CheckpointError, remove_temporary_files
from torchnet.training.callbacks.run_stats import RunStats
from torchnet.training.callbacks.tensorboard_log import TensorBoardLog
from torchnet.training.data_module import preprocessing_known
from torchnet.training.resume_checks import check_resume
from torchnet.training.run_engine import resumed_order_of_sums, way_of_steps

_WIDTH = 80  # columns of a table without a terminal


class Session:
    """A command with everything it works on.

    Args:
        arguments: a command and its options.
        title: the title of the report; None for the name of the run.
        select: returns what counts of a configuration file and its values; None for all of them.
        found: the checkpoint that the options name, if it was looked for already.

    Raises:
        UsageError, DataError, CheckpointError: if the options, the data or the checkpoint to start from do not work.
    """

    def __init__(
        self,
        arguments: list[str],
        title: str | None = None,
        select: Select | None = None,
        found: FoundCheckpoint | None = None,
    ) -> None:
        self.arguments, self.options = arguments, Options(arguments, select, found)
        self.values: Any = self.options.values
        self.title = title or self.values.name
        found = self.options.checkpoint
        if found is not None and trained_weights(found.contents):
            self._expect_described(found)
        known = None  # training learns its preprocessing, and compares it with that of a resumed run
        if found is not None and self.options.command != "fit":
            known = saved_preprocessing(*found)
        with preprocessing_known(known):
            self.parts = build(self.options)
        self.model, self.data, self.trainer = self.parts.model, self.parts.data, self.parts.trainer

    def _expect_described(self, found: FoundCheckpoint) -> None:
        """Expect a checkpoint of the network of the options, before one is built that may not fit into memory."""
        weights, preprocessing = trained_weights(found.contents), saved_preprocessing(*found)
        try:
            expect_described(found.path, weights, self.values.model, preprocessing)
        except CheckpointError:
            raise
        except ValueError as error:
            raise UsageError(str(error)) from error

    def run(self) -> None:
        """Run the command, unless it is to train and there is nothing to train."""
        found, trains = self.options.checkpoint, self.options.command == "fit"
        if trains and (limit := zero_limit(self.trainer)) is not None:
            print(f"nothing to train: --trainer.{limit} is 0")
            return
        if found is not None:
            self.check_checkpoint(found)
            if trains and is_finished(found, self.options, self.trainer):
                self._complete(found)
                return
            override_patience(found.contents, self.trainer.early_stopping_callbacks)
            print(f"from {printable(found.path)}, after {found.contents['global_step']} steps")
        getattr(self, self.options.command)()

    def check_checkpoint(self, found: FoundCheckpoint) -> None:
        """Raise a CheckpointError unless the command can start from this checkpoint."""
        options = preprocessing = None
        if self.options.command == "fit":
            options, preprocessing = decisive_options(self.options, self.parts), self.data.preprocessing.as_dict()
            self.model.way = way_of_steps(self.model, self.trainer, self.data, resumed_order_of_sums(found.contents))
        environment_may_change = self.values.allow_environment_change
        check_resume(*found, self.model, self.trainer, options, preprocessing, environment_may_change)

    def fit(self) -> None:
        """Train, print and write the report."""
        fit, stats, board = Fit(self.options, self.parts), RunStats(self.arguments), TensorBoardLog(self.values.items())
        self.trainer.callbacks += [stats, board, fit]
        fit.run()
        if fit.folder is None or not self.trainer.is_global_zero:
            return
        best, why = self._load_evaluated(fit.folder), why_stopped(self.trainer)
        if why is not None:
            print(f"{why}; kept {best or 'the last weights'}")
        elif best is not None:
            print(f"evaluated: {best}, the best ones; for the last ones: --evaluate last")
        elif (hint := self.parts.epoch_line.overfitting()) is not None:
            print(hint)
        report = self._report(self.data.splits, best)
        write_report(report, fit.folder / REPORT)
        board.log_report(self.trainer, report)
        stats.write(fit.folder / FACTS, self.trainer)
        print(f"results in {printable(fit.folder)}", flush=True)
        if self.values.report:
            self._write_page(fit.folder)
            print(f"report in {printable(fit.folder / PAGE)}", flush=True)

    def validate(self) -> None:
        """Print loss and report of the validation set."""
        self._evaluate("val", self.trainer.validate)

    def test(self) -> None:
        """Print loss and report of the test set."""
        self._evaluate("test", self.trainer.test)

    def _evaluate(self, split: str, method: Callable[..., Any]) -> None:
        method(self.model, self.data, self.values.ckpt_path, verbose=False)
        print(f"{split} loss = {self.trainer.callback_metrics[f'{split}/loss']:.6g}")
        self._report([split])

    def predict(self) -> None:
        """Write the prediction for every test sample, in the order of the file."""
        results = self.trainer.predict(self.model, self.data, ckpt_path=self.values.ckpt_path)
        predictions = torch.cat(cast(list[Tensor], results))
        path = run_of(cast(Path, self.options.ckpt_path)) / "predictions.csv"
        sample = "image" if isinstance(self.data.preprocessing.inputs, Pixels) else "row"
        write_predictions(predictions, self.data.preprocessing.targets, path, sample)
        print(f"{len(predictions)} predictions in {printable(path)}")

    def _complete(self, found: FoundCheckpoint) -> None:
        """Write the results that a run at its end lacks, as it was killed before it wrote them."""
        folder = run_of(found.path)
        if self.trainer.is_global_zero:
            for place in (folder, found.path.parent, folder / FIGURES):
                remove_temporary_files(place)
            self.model.load_state_dict(found.contents["state_dict"])
            best = self._load_evaluated(folder)
            if not _is_report(folder / REPORT):
                lines = self.parts.loss_line
                lines.load_state_dict(found.contents["callbacks"][lines.state_key])
                if best is not None:
                    print(f"evaluated: {best}, the best ones; for the last ones: --evaluate last")
                write_report(self._report(self.data.splits, best), folder / REPORT)
            if self.values.report and not (folder / PAGE).is_file():
                self._write_page(folder)
        steps = found.contents["global_step"]
        print(f"finished: the run is at its end, after {steps} steps; results in {printable(folder)}")

    def _load_evaluated(self, folder: Path) -> BestWeights | None:
        """Load the weights that the results are about; None if they are the last ones, which the network has."""
        return load_best_weights(folder, self.model) if self.values.evaluate == "best" else None

    def _write_page(self, folder: Path) -> None:
        """Write the page of a run about the weights that were evaluated."""
        record = read_record(folder, (self.model.trained, self.data.preprocessing))
        write_page([record], folder / PAGE, folder / FIGURES)

    def _report(self, splits: list[str], best: BestWeights | None = None) -> dict[str, Any]:
        """Evaluate the network on whole splits, print the report and return it."""
        self.model.to(self.trainer.strategy.root_device)  # Lightning leaves the network on the CPU
        outputs = {split: self.model.outputs_on(self.data.evaluation_loader(split)) for split in splits}
        drawn = [split for split in splits if split != "train" and self.data.has_images]
        pictures = {split: partial(self.data.picture, split) for split in drawn}
        losses = self.parts.loss_line.losses
        report = run_report(self.title, losses, outputs, self.data.preprocessing, pictures)
        if "test" in pictures:
            report |= feature_maps(self.model.trained, self.data.evaluation_loader("test"), pictures["test"])
        if best is not None:
            report["best"] = {"step": best.step, "epoch": best.epoch, "val_loss": best.val_loss}
        print_report(report, Console(width=None if sys.stdout.isatty() else _WIDTH))
        return report


def _is_report(path: Path) -> bool:
    try:
        return path.is_file() and bool(read_report(path))
    except DataError:
        return False
