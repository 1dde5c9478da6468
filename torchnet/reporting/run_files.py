"""The files in the folder of a run, read strictly: they may have been edited, or come from somebody else.

A check is a function of a value and its place in the file. It raises a ValueError if the value is not as expected.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from torchnet.data import DataError
from torchnet.storage import open_regular_file

Check = Callable[[Any, str], None]
Row = dict[str, float]  # one row of metrics.csv: value by metric, with "step" (from 0) and mostly "epoch" (from 0)

MOST = 2.0**53  # the largest count; all whole numbers up to it are exact as float64
METRICS = "metrics.csv"  # in the folder of a run
_MAX_BYTES = 2**26
_MAX_NUMBERS = 4_000_000  # in a metrics.csv, which then takes a few seconds to read
_LONGEST_CELL = 100  # characters; a float64 takes 25
_SHOWN = 40  # characters of an unexpected value


def read_text(path: Path, what: str) -> str:
    """Return the text of a file of at most 64 MiB. `what` says what the file should hold.

    Raises:
        DataError: if it is not a regular file of this size, or not UTF-8; OSError: if the disk fails.
    """
    with open_regular_file(path, what, DataError) as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise unusable(path, what, f"more than {_MAX_BYTES >> 20} MiB")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise unusable(path, what, f"byte {error.start} is not UTF-8") from error


def read_json(path: Path, what: str, check: Check) -> Any:
    """Return the value in a JSON file, if it passes a check.

    Raises:
        DataError: if it is not JSON, has Inf or NaN, or does not pass the check; OSError: if the disk fails.
    """
    text = read_text(path, what)
    try:
        value = json.loads(text, parse_constant=_refuse)
        check(value, "")
    except RecursionError as error:
        raise unusable(path, what, "too many nested brackets") from error
    except ValueError as error:  # JSONDecodeError too, and a number with more digits than Python converts
        raise unusable(path, what, str(error)) from error
    return value


def read_metrics(path: Path, rows: int | None = None) -> list[Row]:
    """Return the first rows of a metrics.csv, or all rows if None. Empty cells are left out.

    A last line without its end, which was torn by a crash, is not a row.

    Raises:
        DataError: if the rows are not numbers in columns, each with a step; OSError: if the disk fails.
    """
    what = "the metrics of a run"
    content = read_text(path, what)
    lines = csv.reader(io.StringIO(content[: content.rfind("\n") + 1], newline=""))
    try:
        columns = next(lines, [])
        if len({*columns}) < len(columns):
            raise ValueError("two columns have the same name")
        found: list[Row] = []
        count = 0
        for cells in islice(lines, rows):
            found.append(_row(columns, cells))
            count += len(found[-1])
            if count > _MAX_NUMBERS:
                raise ValueError(f"more than {_MAX_NUMBERS} numbers")
        return found
    except (ValueError, csv.Error) as error:
        raise unusable(path, what, f"line {lines.line_num}: {error}") from error


def _row(columns: list[str], cells: list[str]) -> Row:
    if len(cells) != len(columns):
        raise ValueError(f"expected {len(columns)} cells, got {len(cells)}")
    row = {name: _value(cell) for name, cell in zip(columns, cells, strict=True) if cell}
    for name in ("step", "epoch"):
        if not 0 <= row.get(name, -1 if name == "step" else 0) <= MOST:
            raise ValueError(f"expected a {name} from 0 to {MOST:.0f}, got {row.get(name, 'none')}")
    return row


def _value(cell: str) -> float:
    try:
        if len(cell) <= _LONGEST_CELL:
            return int(cell) if cell.lstrip("-").isdigit() else float(cell)
    except ValueError:
        pass
    raise ValueError(f"expected a number, got {cell[:_LONGEST_CELL]!r}")


def unusable(path: Path, what: str, reason: str) -> DataError:
    """Return the error of a file that does not hold what it should."""
    return DataError(f"{path}: expected {what}, as training writes it ({reason}): remove it, or train again")


def fail(place: str, expected: str, value: Any) -> NoReturn:
    """Raise the ValueError of an unexpected value."""
    if isinstance(value, dict):
        got = "an object with " + (", ".join(map(repr, [*value][:4])) or "nothing")
    elif isinstance(value, list):
        got = f"a list of {len(value)}"
    else:
        got = repr(value[:_SHOWN] if isinstance(value, str) else value)
    raise ValueError(f"{place.lstrip('.') or 'the file'}: expected {expected}, got {got[: 2 * _SHOWN]}")


def number(low: float, high: float) -> Check:
    """Check for a finite number in a range."""

    def check(value: Any, place: str) -> None:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not low <= value <= high:
            fail(place, f"a number from {low:g} to {high:g}", value)

    return check


def whole(high: float = MOST, low: int = 0) -> Check:
    """Check for a whole number in a range."""

    def check(value: Any, place: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            fail(place, f"a whole number from {low} to {high:.0f}", value)

    return check


def text(longest: int) -> Check:
    """Check for text that can be written as UTF-8."""

    def check(value: Any, place: str) -> None:
        if not isinstance(value, str) or len(value) > longest or any("\ud800" <= it <= "\udfff" for it in value):
            fail(place, f"text of at most {longest} characters", value)

    return check


def list_of(each: Check, least: int, most: int) -> Check:
    """Check for a list whose values all pass a check."""

    def check(value: Any, place: str) -> None:
        if not isinstance(value, list) or not least <= len(value) <= most:
            fail(place, f"a list of {least}" + (f" to {most}" if most > least else ""), value)
        for index, item in enumerate(value):
            each(item, f"{place}[{index}]")

    return check


def record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, exact: bool = False) -> Check:
    """Check for an object, with a check per key. Unless `exact`, other keys are allowed, too."""
    checks = {**required, **(optional or {})}

    def check(value: Any, place: str) -> None:
        if (
            not isinstance(value, dict)
            or not required.keys() <= value.keys()
            or (exact and value.keys() - checks.keys())
        ):
            fail(place, f"an object with {', '.join(required)}{' alone' if exact else ''}", value)
        for key, each in checks.items():
            if key in value:
                each(value[key], f"{place}.{key}")

    return check


def table_of_text(most: int, longest: int) -> Check:
    """Check for an object of any names, at most `most`, and text."""
    short = text(longest)

    def check(value: Any, place: str) -> None:
        if not isinstance(value, dict) or len(value) > most:
            fail(place, f"an object with up to {most} texts", value)
        for key, item in value.items():
            short(key, f"a name in {place}")
            short(item, f"{place}.{key}")

    return check


def optional(check: Check) -> Check:
    """Allow null, too."""
    return lambda value, place: None if value is None else check(value, place)


def anything(value: Any, place: str) -> None:
    """Accept any value."""


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"expected finite numbers, got {constant}")
