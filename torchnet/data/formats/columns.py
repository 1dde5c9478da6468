"""The columns of a table as arrays: numbers with NaN, or text and booleans with None, where values are missing.

Columns that a network cannot use are refused by name.
"""

from typing import TYPE_CHECKING

import numpy as np

from torchnet.data.formats.csv_file import MISSING
from torchnet.data.table_columns import CategoricalColumn, Column

if TYPE_CHECKING:
    import polars as pl

_MISSING = [*{word.lower() for word in MISSING}, ""]
_WITH_COMMA = r"[+-]?[0-9.]*,[0-9]+|[+-]?[0-9]{1,3}(,[0-9]{3})+([.][0-9]+)?"  # 0,5 or 1.234,5 or 1,234.5
_DATE = r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})"
_TIME = r"\d{1,2}:\d{2}(:\d{2}.*)?"


def as_array(column: "pl.Series", is_text: bool = False, mostly: float = 0.5) -> np.ndarray:
    """Return a column of numbers, booleans or text. Numbers that polars holds as numbers are not copied.

    Args:
        column: the column. Text becomes numbers or booleans if all of it can.
        is_text: whether text stays text.
        mostly: a column of text of which at least this share are numbers is a column of numbers with a fault.

    Raises:
        ValueError: if the column holds something else, mixes numbers and text, or has an infinite number.
    """
    import polars as pl

    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        column = _stripped(column)
        column = column if is_text else _parsed(column, mostly)
    if column.null_count() == len(column):
        raise ValueError(
            f"column {column.name}: expected values, got missing ones only: leave it out with --data.ignore"
        )
    if column.dtype == pl.Boolean:
        return column.to_numpy() if column.null_count() == 0 else np.array(column.to_list(), object)
    if column.dtype == pl.String:
        return _shared_words(column)
    if column.dtype.is_decimal() or column.dtype in (pl.Int128, pl.UInt128):
        column = column.cast(pl.Float64)
    if not column.dtype.is_numeric():
        raise ValueError(_unusable(column.name, _kind(column.dtype)))
    if column.dtype.is_float() and (is_infinite := column.is_infinite().fill_null(False)).any():
        row = is_infinite.arg_max() or 0
        raise ValueError(f"column {column.name}: expected finite numbers, got {column[row]} in row {row + 1}")
    return column.to_numpy()


def as_input(column: "pl.Series", learned: Column) -> np.ndarray:
    """Return a column as a trained network takes it, whatever its values look like: as numbers, or as categories.

    Raises:
        ValueError: if the column holds something else.
    """
    import polars as pl

    if isinstance(learned, CategoricalColumn) and not column.dtype.is_nested():
        words = _stripped(column)
        is_boolean = {*learned.categories} <= {"True", "False", ""}
        return _shared_words(words.str.to_titlecase() if is_boolean else words)
    if column.dtype == pl.String:
        column = _stripped(column)
    if column.null_count() == len(column):
        return np.full(len(column), np.nan)
    return as_array(column, mostly=1.0)


def _unusable(name: str, kind: str) -> str:
    return (
        f"column {name}: expected numbers, categories or booleans, got {kind}: leave it out with --data.ignore, or "
        "turn it into numbers"
    )


def _kind(dtype: "pl.DataType") -> str:
    if dtype.is_temporal():
        return "dates or times"
    return "lists or structures" if dtype.is_nested() else f"values of type {dtype}"


def _stripped(column: "pl.Series") -> "pl.Series":
    """Return text without spaces around it, and without words for a missing value."""
    import polars as pl

    words = column.cast(pl.String).str.strip_chars()
    return words.set(words.str.to_lowercase().is_in(_MISSING), None)


def _parsed(words: "pl.Series", mostly: float) -> "pl.Series":
    """Return words as whole numbers, numbers or booleans if all of them are."""
    import polars as pl

    missing = words.null_count()
    unsigned = words.str.strip_prefix("+")
    for kind in (pl.Int64, pl.Float64):
        numbers = unsigned.cast(kind, strict=False)
        if numbers.null_count() == missing:
            return numbers
    lower = words.str.to_lowercase()
    if lower.is_in(["true", "false"]).all():
        return lower == "true"
    if words.str.contains(f"^({_WITH_COMMA}|[+-]?[0-9]+)$").all() and (has_comma := words.str.contains(",")).any():
        row = has_comma.arg_max() or 0
        raise ValueError(
            f"column {words.name}: expected numbers with a decimal point and no separators of thousands, got "
            f"{words[row][:40]!r} in row {row + 1}: write them as 1234.5"
        )
    is_word = words.is_not_null() & numbers.is_null()
    if is_word.sum() <= (1 - mostly) * (len(words) - missing):
        row = is_word.arg_max() or 0
        raise ValueError(
            f"column {words.name}: expected a number in every row, got {words[row][:40]!r} in row {row + 1}: correct "
            "it, leave it empty if it is missing, or leave the column out with --data.ignore"
        )
    if words.str.contains(f"^({_DATE}([ T]{_TIME})?|{_TIME})$").all():
        raise ValueError(_unusable(words.name, "dates or times"))
    return words


def _shared_words(words: "pl.Series") -> np.ndarray:
    """Return text as objects; rows of the same category share one."""
    import polars as pl

    different = words.drop_nulls().unique(maintain_order=True)
    if different.str.contains("\0", literal=True).any():
        raise ValueError(f"column {words.name}: expected text, got NUL characters")
    places = words.cast(pl.Enum(different)).to_physical().fill_null(len(different))
    return np.array([*different, None], object)[places.to_numpy()]
