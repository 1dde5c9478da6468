"""One command of train.py: what it does with the network, the data and the Trainer."""

import sys
from pathlib import Path
from typing import Any, cast

import torch
from rich.console import Console
from torch import Tensor

from torchnet.cli.build import build, find_callback
from torchnet.cli.fit import Announcement, Fit, decisive_options
from torchnet.cli.options import Options
from torchnet.reporting import evaluate, print_report, run_report, write_predictions, write_report
from torchnet.reporting.page import FIGURES, PAGE, write_page
from torchnet.reporting.run_data import FACTS, REPORT
from torchnet.runs.errors import UsageError
from torchnet.runs.folders import run_of
from torchnet.runs.record import read_record
from torchnet.training.callbacks.loss_line import LossLine
from torchnet.training.callbacks.run_stats import RunStats
from torchnet.training.resume_checks import check_resume, finished_epochs

_WIDE = 130  # columns of a table without a terminal


class Session:
    """A command with everything it works on.

    Args:
        arguments: a command and its options.
        title: the title of the report; None for the name of the run.

    Raises:
        UsageError: if an option or a configuration file is wrong.
        DataError: if the data are missing or malformed.
        CheckpointError: if the checkpoint to start from cannot be used.
    """

    def __init__(self, arguments: list[str], title: str | None = None) -> None:
        self.options = Options(arguments)
        self.title = title or self.options.values.name
        self.stats, self.announcement = RunStats(arguments), Announcement()
        self.model, self.data, self.trainer = build(self.options, [self.stats, self.announcement])
        if self.options.ckpt_path is not None:
            self.check_checkpoint(self.options.ckpt_path)

    def run(self) -> None:
        """Run the command."""
        {"fit": self.fit, "validate": self.validate, "test": self.test, "predict": self.predict}[self.options.command]()

    def fit(self) -> None:
        """Train, print and write the report."""
        fit = Fit(self.options, self.model, self.data, self.trainer, self.announcement)
        fit.run()
        for callback in self.trainer.early_stopping_callbacks:
            if cast(Any, callback).stopped_epoch > 0:
                epoch, metric = cast(Any, callback).stopped_epoch + 1, cast(Any, callback).monitor
                print(f"stopped after epoch {epoch}: {metric} did not improve any more")
        if fit.folder is None or not self.trainer.is_global_zero:
            return
        write_report(self._report(list(self.data.splits)), fit.folder / REPORT)
        self.stats.write(fit.folder / FACTS, self.trainer)
        if self.options.values.report:
            record = read_record(fit.folder, self.model.trained)
            write_page([record], fit.folder / PAGE, fit.folder / FIGURES)
            print(f"report in {fit.folder / PAGE}")
        print(f"results in {fit.folder}", flush=True)

    def validate(self) -> None:
        """Print loss and report of the validation set."""
        self.trainer.validate(self.model, self.data, self.values.ckpt_path, verbose=False)
        print(f"val loss = {self.trainer.callback_metrics['val/loss']:.6g}")
        self._report(["val"])

    def test(self) -> None:
        """Print loss and report of the test set."""
        self.trainer.test(self.model, self.data, self.values.ckpt_path, verbose=False)
        print(f"test loss = {self.trainer.callback_metrics['test/loss']:.6g}")
        self._report(["test"])

    def predict(self) -> None:
        """Write label and class probabilities of every test image, in the order of the file."""
        results = self.trainer.predict(self.model, self.data, ckpt_path=self.values.ckpt_path)
        probabilities = torch.cat(cast(list[Tensor], results))
        path = run_of(cast(Path, self.options.ckpt_path)) / "predictions.csv"
        write_predictions(probabilities, path)
        print(f"{len(probabilities)} predictions in {path}")

    @property
    def values(self) -> Any:
        """The value of every option, by name."""
        return self.options.values

    def check_checkpoint(self, path: Path) -> None:
        """Raise a CheckpointError unless the command can start from this checkpoint."""
        resumes = self.options.command == "fit"
        options = decisive_options(self.options, self.data, self.trainer) if resumes else None
        checkpoint = check_resume(path, self.model, self.trainer, options, self.values.allow_environment_change)
        epochs, last = finished_epochs(checkpoint), self.trainer.max_epochs
        is_over = resumes and last is not None and 0 <= last <= epochs
        if is_over and (run_of(path) / REPORT).is_file():  # without a report, the run was stopped before its end
            raise UsageError(f"{path} is after epoch {epochs}, the last one: train longer with --trainer.max_epochs")
        print(f"from {path}, after {checkpoint['global_step']} steps")

    def _report(self, splits: list[str]) -> dict[str, Any]:
        """Evaluate the network on whole splits, print the report and return it."""
        self.model.to(self.trainer.strategy.root_device)  # Lightning leaves the network on the CPU
        report = run_report(
            self.title,
            find_callback(self.trainer, LossLine).losses,
            {split: evaluate(self.model.trained, self.data.evaluation_loader(split)) for split in splits},
            {split: self.data.splits[split][0] for split in splits if split != "train"},
        )
        print_report(report, Console(width=None if sys.stdout.isatty() else _WIDE))
        return report
