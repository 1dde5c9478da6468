"""The log of a run, metrics.csv: each row is in the file as soon as it is known, and none is ever lost or twice."""

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

from torchnet.reporting.metrics import METRICS, read_metrics
from torchnet.storage import write_durably


class MetricsLog(Logger):
    """Append rows of metrics to metrics.csv; a metric that was not there before becomes a column of all rows.

    Lightning's CSVLogger keeps rows back, and rewrites the file in place for a new column: what a kill leaves of it
    may be less than what a checkpoint has behind it.

    Args:
        folder: where the file is to be; if it is there already, it is begun anew.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.path = folder / METRICS
        self.columns: list[str] = []
        self.rows = 0

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
        """Do nothing: the configuration of a run is in its config.yaml."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        row: dict[str, Any] = {**metrics, "step": step}
        columns = sorted({*self.columns, *row})
        if columns == self.columns:
            line = _text(columns, [row])
            with self.path.open("ab", buffering=0) as file:
                if file.write(line) != len(line):  # at once: a kill leaves the whole of it or nothing
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        else:
            before = read_metrics(self.path) if self.rows > 0 else []
            write_durably(self.path, _text(columns, [*before, row], header=True))
            self.columns = columns
        self.rows += 1

    def save(self) -> None:
        """Wait until all rows are on the disk itself."""
        if self.rows > 0:
            with self.path.open("rb") as file:
                os.fsync(file.fileno())


def run_loggers(run_folder: Path) -> list[Logger]:
    """Return what logs into the folder of a run: metrics.csv always, TensorBoard where it is installed."""
    loggers: list[Logger] = [MetricsLog(run_folder)]
    if importlib.util.find_spec("tensorboard") is not None:
        loggers.append(TensorBoardLogger(run_folder, name="", version=""))
    return loggers


def _text(columns: list[str], rows: Iterable[Mapping[str, Any]], header: bool = False) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
