"""Tables: .csv and .tsv files, gzipped or not, and .parquet files. A column is the target, others are inputs."""

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from torchnet.choices import did_you_mean, nearest
from torchnet.data.dataset import DataError, Dataset
from torchnet.data.formats.columns import as_array, as_input
from torchnet.data.formats.csv_file import pixels_of_images, read_csv
from torchnet.data.inputs import Columns, Inputs, Pixels
from torchnet.data.memory import expect_fits
from torchnet.storage import open_regular_file

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
_MOSTLY_NUMBERS = 0.9  # of a target's labels: more often than a column of inputs they are numbers and words
_MOST_NAMES = 20  # of columns in a message


def is_table(path: Path) -> bool:
    """Return whether the name of a file is that of a table."""
    return path.name.lower().endswith(SUFFIXES)


def tables_in(folder: Path) -> list[Path]:
    """Return train.* and test.* if a folder holds both; else all of its tables, unless it holds folders, too."""
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    tables = [path for path in inside if is_table(path)]
    named = [path for name in ("train", "test") for path in tables if path.name.lower().partition(".")[0] == name]
    return named if len(named) == 2 else [] if any(path.is_dir() for path in inside) else tables


def read_tables(paths: Sequence[Path], target: str | Sequence[str] | None, ignore: Collection[str]) -> Dataset:
    """Read a table, or a table for training and one for testing.

    Args:
        paths: of the files.
        target: the name of the column to predict, or several; None if there is a column "label" beside pixels.
        ignore: the names of columns to leave out.

    Raises:
        DataError: if a table or a column cannot be used.
    """
    if len(paths) > 1 and not paths[0].name.lower().startswith("train."):
        names = ", ".join(path.name for path in paths[:_MOST_NAMES])
        raise DataError(f"{paths[0].parent}: expected one table, or train.* and test.*, got {names}: name one of them")
    table = _read(paths[0])
    targets = _names_of_targets(paths[0], table.columns, target)
    parts = [_inputs_and_targets(paths[0], table, targets, ignore, ())]
    if len(paths) == 2:
        del table  # test sets are large, too
        parts.append(_test_set(paths[1], parts[0], targets, ignore))
    (inputs, values), (test_inputs, test_values) = parts[0], parts[1] if len(parts) == 2 else (None, None)
    source = str(paths[0] if len(paths) == 1 else paths[0].parent)
    return Dataset(source, inputs, values, test_inputs, test_values, tuple(targets))


def read_rows(path: Path, inputs: Inputs) -> tuple["pl.DataFrame", np.ndarray | Columns]:
    """Return a table as it is in its file, and those of its columns that are the inputs of a trained network.

    Raises:
        DataError: if the file is not a readable table, or a column is missing or holds something else.
    """
    table = _read(path, infer=False)
    if isinstance(inputs, Pixels):
        pixels = pixels_of_images(table.columns)
        if not pixels:
            raise DataError(f"{path}: expected columns of pixels, pixel0, pixel1, ...; {_there_are(table.columns)}")
        return table, _images(path, table.select(pixels))
    for column in inputs.columns:
        if column.name not in table.columns:
            hint = did_you_mean(nearest(column.name, table.columns)) or f"; {_there_are(table.columns)}"
            raise DataError(f"{path}: expected a column {column.name[:60]}, as in training{hint}")
    try:
        return table, {column.name: as_input(table[column.name], column) for column in inputs.columns}
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def _read(path: Path, text: Collection[str] = (), infer: bool = True) -> "pl.DataFrame":
    try:
        import polars as pl
    except ImportError as error:
        raise DataError(f"{path}: tables are read with polars, which is not installed: pip install polars") from error
    if path.suffix.lower() != ".parquet":
        return read_csv(path, text, infer)
    with open_regular_file(path, "a table", DataError):
        try:
            lazy = pl.scan_parquet(path.absolute(), glob=False)
            rows = lazy.select(pl.len()).collect().item()
            expect_fits(path, 16 * rows * len(lazy.collect_schema()))
            table = lazy.collect()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise DataError(
                f"{path}: not a readable Parquet file ({str(error).partition(chr(10))[0][:200]})"
            ) from error
    if table.height == 0:
        raise DataError(f"{path}: expected rows, got none")
    return table


def _names_of_targets(path: Path, columns: list[str], target: str | Sequence[str] | None) -> list[str]:
    if not target:
        if {*columns} == {"label", *pixels_of_images(columns)} and len(columns) > 1:
            return ["label"]
        raise DataError(f"{path}: expected the column to predict as --data.target; {_there_are(columns)}")
    names = [target] if isinstance(target, str) else list(target)
    for name in names:
        _expect_column(path, "--data.target", name, columns)
    if len({*names}) < len(names):
        raise DataError(f"{path}: expected different columns as --data.target, got {', '.join(names)}")
    return names


def _expect_column(path: Path, option: str, name: str, columns: list[str]) -> None:
    if name not in columns:
        hint = did_you_mean(nearest(name, columns)) or f"; {_there_are(columns)}"
        raise DataError(f"{path}: expected the name of a column as {option}, got {name}{hint}")


def _there_are(columns: list[str]) -> str:
    more = f" and {len(columns) - _MOST_NAMES} more" if len(columns) > _MOST_NAMES else ""
    return f"there are {', '.join(name[:60] for name in columns[:_MOST_NAMES])}{more}"


def _inputs_and_targets(
    path: Path, table: "pl.DataFrame", targets: list[str], ignore: Collection[str], text: Collection[str]
) -> tuple[np.ndarray | Columns, np.ndarray]:
    for name in ignore:
        _expect_column(path, "--data.ignore", name, table.columns)
        if name in targets:
            raise DataError(f"{path}: expected other columns as --data.ignore than --data.target, got {name} in both")
    names = [name for name in table.columns if name not in targets and name not in ignore]
    if not names:
        raise DataError(f"{path}: expected columns of inputs beside {', '.join(targets)}, got none")
    values = [_array(path, table[name], name in text, _MOSTLY_NUMBERS) for name in targets]
    if len(values) > 1:
        for name, column in zip(targets, values, strict=True):
            if column.dtype.kind not in "iuf":
                raise DataError(f"{path}: expected numbers in each of several targets, got others in column {name}")
    inputs: np.ndarray | Columns
    if names == pixels_of_images(names):
        inputs = _images(path, table.select(names))
    else:
        inputs = {name: _array(path, table[name], name in text) for name in names}
    return inputs, values[0] if len(values) == 1 else np.stack(values, axis=1).astype(np.float64, copy=False)


def _array(path: Path, column: "pl.Series", is_text: bool, mostly: float = 0.5) -> np.ndarray:
    try:
        return as_array(column, is_text, mostly)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def _images(path: Path, table: "pl.DataFrame") -> np.ndarray:
    import polars as pl

    if any(kind != pl.UInt8 for kind in table.dtypes):
        try:
            table = table.cast(pl.UInt8)
        except pl.exceptions.PolarsError as error:
            raise DataError(f"{path}: expected pixels as whole numbers from 0 to 255, got others") from error
    for column in table.iter_columns():
        if column.null_count():
            row = column.is_null().arg_max() or 0
            raise DataError(f"{path}: column {column.name}: expected a pixel in every row, got none in row {row + 1}")
    side = math.isqrt(table.width)
    return table.to_numpy(order="c").reshape(-1, side, side)


def _is_text(values: np.ndarray) -> bool:
    return values.dtype == object and isinstance(next(it for it in values if it is not None), str)


def _test_set(
    path: Path, train: tuple[np.ndarray | Columns, np.ndarray], targets: list[str], ignore: Collection[str]
) -> tuple[np.ndarray | Columns, np.ndarray]:
    """Read the table of a test set, whose columns are to be those of the training set."""
    columns = (dict(train[0]) if isinstance(train[0], Mapping) else {}) | dict.fromkeys(targets, train[1])
    text = [name for name, values in columns.items() if _is_text(values)]
    table = _read(path, text)
    if missing := [name for name in targets if name not in table.columns]:
        raise DataError(
            f"{path}: expected a column {missing[0]}, as for training, ; {_there_are(table.columns)}: to split "
            "off a test set, name the training table alone as --data.source"
        )
    inputs, values = _inputs_and_targets(path, table, targets, [name for name in ignore if name in table.columns], text)
    if isinstance(train[0], Mapping) and isinstance(inputs, Mapping):
        if {*inputs} != {*train[0]}:
            odd = sorted({*inputs} ^ {*train[0]})[0]
            raise DataError(f"{path}: expected the columns of the training table, but only one of them has {odd[:60]}")
        for name, column in inputs.items():
            if (column.dtype.kind in "iuf") != (train[0][name].dtype.kind in "iuf"):
                raise DataError(
                    f"{path}: column {name}: expected numbers or text as in the training table, got the other"
                )
    elif isinstance(train[0], Mapping) or isinstance(inputs, Mapping) or inputs.shape[1:] != train[0].shape[1:]:
        raise DataError(f"{path}: expected the columns of the training table, got others")
    return inputs, values
