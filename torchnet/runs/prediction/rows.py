"""Predictions for the rows of a table, or the samples of an array, as a CSV file."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from torchnet.data import Classes, DataError, Quantities, Table, is_table, read_rows, read_samples
from torchnet.printable import printable
from torchnet.runs.load_network import TrainedNetwork
from torchnet.runs.prediction.loaded_run import LoadedRun, expect_finite
from torchnet.storage import write_durably

if TYPE_CHECKING:
    import polars as pl

ARRAYS = (".npy", ".npz")


def predict_rows(trained: TrainedNetwork, file: Path, output: Path) -> None:
    """Write the columns of a table, or the numbers of the rows of an array, with the prediction for each row.

    Raises:
        DataError: if the file is not readable, or does not fit the network.
    """
    import polars as pl

    inputs = trained.preprocessing.inputs
    if is_table(file):
        table, samples = read_rows(file, inputs)
    else:
        samples = read_samples(file)
        table = pl.DataFrame({"row": np.arange(1, len(samples) + 1)})
    if isinstance(inputs, Table) and isinstance(samples, Mapping):
        for notice in inputs.unknown_categories(samples):
            print(printable(f"{file}: {notice}"), file=sys.stderr)
    run = LoadedRun(trained)
    try:
        encoded = run.encoded(samples)
    except ValueError as error:
        raise DataError(f"{file}: {error}") from error
    answers = expect_finite(trained.checkpoint, run.answers(encoded))
    table = table.with_columns(_columns(answers, trained.preprocessing.targets))
    try:
        text = table.write_csv()
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{file}: expected columns that a CSV file can hold, got others ({error})") from error
    write_durably(output, text.encode())
    print(f"{len(answers):,} rows with predictions in {printable(output)}")


def _columns(answers: np.ndarray, targets: Classes | Quantities) -> "list[pl.Series]":
    """Return the columns of predictions: of the label and of the probability of each class, or of the quantities."""
    import polars as pl

    columns = np.ascontiguousarray(answers.T)
    if isinstance(targets, Classes):
        labels = pl.Series("prediction", targets.names).gather(answers.argmax(axis=1))
        shares = zip(targets.names, columns, strict=True)
        return [labels, *(pl.Series(f"p({name})", share).round_sig_figs(6) for name, share in shares)]
    names = ["prediction"] if targets.width == 1 else [f"prediction of {name}" for name in targets.names]
    return [pl.Series(name, values).round_sig_figs(9) for name, values in zip(names, columns, strict=True)]
