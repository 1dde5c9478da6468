"""Text files of comma-separated values, read with polars. Faults that polars would pass over are found here.

A file is untrusted: its size, its first line and its encoding are checked before it is parsed.
"""

import csv
import gzip
import io
import math
import os
import re
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from torchnet.data.dataset import DataError
from torchnet.data.memory import available_memory, expect_fits
from torchnet.storage import open_regular_file

if TYPE_CHECKING:
    import polars as pl

MISSING = ("NA", "N/A", "NaN", "nan", "null", "NULL", "?")  # and the empty text
_DECIMAL_COMMA = r"^\s*[+-]?[0-9]*(,[0-9]+)?\s*$"
_LONGEST_HEADER = 2**22  # bytes
_CHUNK = 2**24
_ROWS_TO_INFER = 1000
_BYTES_PER_CELL = 24  # 16 as text, or 8 as a number and as much again while it is prepared


def read_csv(path: Path, text: Collection[str] = (), infer: bool = True) -> "pl.DataFrame":
    """Return the table that a file holds. Columns of pixels are bytes, those named in `text` and some others are text.

    All others are text if `infer` is False.

    Raises:
        DataError: if the file is not a table with a header, in UTF-8.
    """
    import polars as pl  # here: most data sets are no tables

    with _opened(path) as file:
        separator, names = _read_header(path, file)
        given: dict[str, Any] = dict.fromkeys(pixels_of_images(names), pl.UInt8) | dict.fromkeys(
            {*text} & {*names}, pl.String
        )
        read = partial(
            pl.read_csv,
            separator=separator,
            new_columns=names,
            schema_overrides=given,
            null_values=list(MISSING),
            glob=False,
        )
        source = file if isinstance(file, io.BytesIO) else path.absolute()
        try:
            try:
                file.seek(0)
                table = read(source, infer_schema=infer, infer_schema_length=_ROWS_TO_INFER)
            except pl.exceptions.ComputeError:  # a later row has another type: columns.py decides for the whole column
                file.seek(0)
                table = read(source, infer_schema=False)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise DataError(f"{path}: {_explained(error, len(names))}") from error
        if table.height and table.to_series(-1).null_count():  # polars fills short rows
            table = _without_blank_lines(path, file, separator, table)
    if table.height == 0:
        raise DataError(f"{path}: expected rows below the header, got none")
    return table if separator == "," else table.with_columns(_with_decimal_points(table, text))


def _with_decimal_points(table: "pl.DataFrame", text: Collection[str]) -> "list[pl.Series]":
    """Return the columns that hold numbers with a decimal comma, which some languages write, with points instead."""
    import polars as pl

    found = (table[name] for name, kind in table.schema.items() if kind == pl.String and name not in text)
    return [
        column.str.replace(",", ".", literal=True)
        for column in found
        if column.str.contains(_DECIMAL_COMMA).all() and column.str.contains(",").any()
    ]


def pixels_of_images(names: Iterable[str]) -> list[str]:
    """Return the names of columns that are the pixels of square images, as in the tables of MNIST and its relatives."""
    pixels = [name for name in names if re.fullmatch(r"pixel ?\d+|\d+x\d+", name)]
    return pixels if len(pixels) > 1 and math.isqrt(len(pixels)) ** 2 == len(pixels) else []


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file whose beginning and end look like text; decompress it if it is gzipped."""
    with open_regular_file(path, "a table", DataError) as file:
        content: BinaryIO = io.BytesIO(_gunzipped(path, file)) if path.suffix == ".gz" else file
        size = content.seek(0, os.SEEK_END)
        if size == 0:
            raise DataError(f"{path}: expected a table with a header, got an empty file")
        for start in (max(0, size - _LONGEST_HEADER), 0):
            content.seek(start)
            if b"\0" in (sample := content.read(_LONGEST_HEADER)):
                raise DataError(f"{path}: expected text in UTF-8, got NUL bytes: save the table as CSV in UTF-8")
        cells = sum(sample.count(it) for it in b",;\t\n") / len(sample) * size
        expect_fits(path, max(2 * size, _BYTES_PER_CELL * cells))
        yield content


def _gunzipped(path: Path, file: BinaryIO) -> bytes:
    content, most = bytearray(), available_memory() // 4
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            while chunk := stream.read(_CHUNK):
                content += chunk
                if len(content) > most or (len(content) == len(chunk) and b"\0" in chunk):
                    break  # the caller refuses it
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: corrupt compressed data ({error}): fetch the file again") from error
    expect_fits(path, 4 * len(content))
    return bytes(content)


def _read_header(path: Path, file: BinaryIO) -> tuple[str, list[str]]:
    """Return the separator, which the first line has most of, and the names of the columns."""
    file.seek(0)
    beginning = file.read(_LONGEST_HEADER).removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    line = beginning.partition(b"\n")[0]
    if len(line) == _LONGEST_HEADER:
        raise DataError(f"{path}: expected names of columns in the first line, got a line of more than 4 MiB")
    if b"\r" in line.rstrip(b"\r"):
        raise DataError(f"{path}: expected lines that end with a line feed, got carriage returns only: save it as CSV")
    try:
        header = line.decode().rstrip("\r")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected text in UTF-8, got other bytes: save the table as CSV in UTF-8") from error
    separator = max(",;\t", key=re.sub('"[^"]*"', "", header).count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
    if problem := _fault_of_names(names):
        raise DataError(f"{path}: {problem}")
    return separator, names


def _fault_of_names(names: list[str]) -> str | None:
    for place, name in enumerate(names):
        if not name:
            return (
                f"expected a name for every column, got none for column {place + 1}: name it or remove it (an index "
                "that pandas wrote is left out by to_csv(index=False))"
            )
        if name in names[:place]:
            return f"expected columns with different names, got two with the name {name[:60]}"
        if len(name) > 1000:
            return f"expected names of at most 1000 letters, got {name[:60]}..."
    numbers = [name for name in names if re.fullmatch(r"[-+]?[\d.]+([eE][-+]?\d+)?", name)]
    if 2 * len(numbers) > len(names) and not all(name.isdecimal() for name in numbers):
        return f"expected names of columns in the first line, got numbers such as {numbers[0]}: add a header"
    return None


def _explained(error: Exception, columns: int) -> str:
    reason = str(error).partition("\n")[0]
    if "more fields" in reason:
        return f"expected {columns} values in every row, as in the header, got a row with more"
    if "utf-8" in reason.lower():
        return "expected text in UTF-8, got other bytes: save the table as CSV in UTF-8"
    return f"not a readable table ({reason[:200]})"


def _without_blank_lines(path: Path, file: BinaryIO, separator: str, table: "pl.DataFrame") -> "pl.DataFrame":
    """Return a table without rows that are blank lines.

    Raises:
        DataError: if a row is shorter than the header.
    """
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    is_blank, rows = [], csv.reader(text, delimiter=separator)
    try:
        header = next(row for row in rows if row)
        for number, row in enumerate(rows, start=1):
            if row and len(row) < len(header):
                raise DataError(
                    f"{path}: expected {len(header)} values in every row, as in the header, got {len(row)} in row "
                    f"{number}"
                )
            is_blank.append(not row)
    except csv.Error as error:
        raise DataError(f"{path}: not a readable table ({error})") from error
    finally:
        text.detach()
    if not any(is_blank) or len(is_blank) != table.height:
        return table
    import polars as pl

    return table.filter(~pl.Series(is_blank))
