"""The log of a run, metrics.csv. Each row is written at once, and no row is lost or written twice."""

import csv
import errno
import importlib.util
import io
import os
from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger

from torchnet.reporting.run_files import METRICS, read_metrics
from torchnet.runs.signals import signals_held
from torchnet.storage import write_durably


class MetricsLog(Logger):
    """Append rows of metrics to metrics.csv; a new metric becomes a new column of all rows.

    Lightning's CSVLogger buffers rows, and rewrites the file in place for a new column. After a kill the file may then
    have fewer rows than a checkpoint counts.

    Args:
        folder: the folder of metrics.csv; an existing file is overwritten.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.path = folder / METRICS
        self.columns: list[str] = []
        self.rows, self.last = 0, dict[str, Any]()  # the number of rows, and the last one

    @property
    def name(self) -> str:
        return ""

    @property
    def version(self) -> str:
        return ""

    @property
    def save_dir(self) -> str:
        return str(self.path.parent)

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Do nothing: config.yaml holds the configuration of a run."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        row: dict[str, Any] = {**metrics, "step": self.rows if step is None else step}
        columns = sorted({*self.columns, *row})
        if columns == self.columns:
            line = _text(columns, [row])
            with self.path.open("ab", buffering=0) as file:
                if file.write(line) != len(line):  # one write: after a kill the whole row is there, or nothing
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        else:
            before = read_metrics(self.path) if self.rows > 0 else []
            write_durably(self.path, _text(columns, [*before, row], header=True))
            self.columns = columns
        self.rows, self.last = self.rows + 1, row

    def save(self) -> None:
        """Flush all rows to the disk."""
        if self.rows > 0:
            with self.path.open("rb") as file:
                os.fsync(file.fileno())


class _OpenTensorBoardLogger(TensorBoardLogger):
    """A TensorBoardLogger whose file stays open when training ends: the report follows in the same file.

    Signals wait while it writes.
    """

    def log_metrics(self, *args: Any, **kwargs: Any) -> None:
        with signals_held():
            super().log_metrics(*args, **kwargs)

    def finalize(self, status: str) -> None:
        self.experiment.flush()


def run_loggers(run_folder: Path) -> list[Logger]:
    """Return the loggers of a run: metrics.csv, and TensorBoard if it is installed."""
    loggers: list[Logger] = [MetricsLog(run_folder)]
    if importlib.util.find_spec("tensorboard") is not None:
        loggers.append(_OpenTensorBoardLogger(run_folder, name="", version=""))
    return loggers


def _text(columns: list[str], rows: Iterable[Mapping[str, Any]], header: bool = False) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
