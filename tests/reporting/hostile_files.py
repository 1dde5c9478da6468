"""Hostile versions of the files of a run: other values, keys, cells and whole files."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# JSON texts, to be put in for any value.
VALUES = {
    "null": "null",
    "true": "true",
    "a negative count": "-1",
    "a fraction": "1.5",
    "a huge number": "1e300",
    "a number that overflows": "1e999",
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "30 digits": "1" * 30,
    "5000 digits": "9" * 5000,
    "text": '"x"',
    "control characters": r'"\u0000\u001b[2J"',
    "half a character": r'"\ud800"',
    "long text": f'"{"x" * 10**5}"',
    "an empty list": "[]",
    "a nested list": "[[[]]]",
    "an empty object": "{}",
    "an object": '{"test": {"0": 1}}',
    "deep brackets": "[" * 100_000,
    "deep and closed brackets": "[" * 100_000 + "]" * 100_000,
    "nothing": "",
}
CELLS = {
    "inf": "inf",
    "nan": "nan",
    "a negative number": "-1",
    "a fraction": "0.5",
    "a huge number": "1e300",
    "a tiny number": "1e-300",
    "a number that overflows": "1e999",
    "30 digits": "1" * 30,
    "90 digits": "1" * 90,
    "400 digits": "1" * 400,
    "5000 digits": "9" * 5000,
    "text": "x",
    "two cells": "1,2",
    "nothing": "",
    "an open quote": '"',
    "two lines": '"a\nb"',
    "NUL": "\0",
    "control characters": "\x1b[2J\r",
    "a digit that is no number": "²",
    "a name of a layer": "gradient_norm/layer_x",
    "a layer of many digits": "gradient_norm/layer_99999999999999999999",
    "the name of another column": "step",
    "long text": "x" * 10**5,
}
FILES = {
    "empty": b"",
    "a line without an end": b"step",
    "an empty line": b"\n",
    "a header": b"step,train/loss\n",
    "no step": b"epoch,train/loss\n0,1\n",
    "two columns of one name": b"step,a,a\n0,1,2\n",
    "too many cells": b"step,a\n0,1,2\n",
    "too few cells": b"step,a\n0\n",
    "not UTF-8": b"step,a\xff\n0,1\n",
    "every byte": bytes(range(256)),
    "NUL bytes": bytes(1000),
    "many columns": ",".join(f"gradient_norm/layer_{k}" for k in range(20_000)).encode()
    + b",step\n"
    + b"1," * 20_000
    + b"0\n",
    "too many numbers": (",".join(f"c{k}" for k in range(999)) + ",step\n").encode() + (b"1," * 999 + b"0\n") * 4001,
    "too large": b"step\n" + b"0\n" * 2**25,
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value in a JSON value; of a list, whose values are alike, the first and the last."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(value, dict) or key in (0, len(value) - 1):
            yield from places(item, (*path, key))


def with_value(content: str, path: tuple[Any, ...], text: str) -> str:
    """Return a JSON text in which the value at a path is replaced by a text."""
    root = [json.loads(content)]
    place: Any = root
    for key, after in zip((0, *path), path, strict=False):
        place = place[key]
        del after
    place[(0, *path)[-1]] = "REPLACED"
    return json.dumps(root[0]).replace('"REPLACED"', text)


def without_key(content: str, path: tuple[Any, ...], new: str | None) -> str:
    """Return a JSON text without the key at the end of a path, or with another name of it."""
    root = json.loads(content)
    place = root
    for key in path[:-1]:
        place = place[key]
    value = place.pop(path[-1])
    if new is not None:
        place[new] = value
    return json.dumps(root)


def json_cases(content: str) -> list[Callable[[], str]]:
    """Return functions that make hostile versions of a JSON text."""
    paths = list(places(json.loads(content)))
    cases = [lambda path=path, text=text: with_value(content, path, text) for path in paths for text in VALUES.values()]
    keys = [path for path in paths if path and isinstance(path[-1], str)]
    names = (None, "", "\x1b[2J", "x" * 10**5)
    return cases + [lambda path=path, new=new: without_key(content, path, new) for path in keys for new in names]


def csv_cases(content: str) -> list[Callable[[], str]]:
    """Return functions that make hostile versions of a CSV text: another cell in the header, first and last row."""
    rows = list(csv.reader(io.StringIO(content)))

    def changed(row: int, column: int, cell: str) -> str:
        cells = [list(it) for it in rows]
        cells[row][column] = cell
        return "".join(",".join(it) + "\n" for it in cells)

    return [
        lambda row=row, column=column, cell=cell: changed(row, column, cell)
        for row in (0, 1, -1)
        for column in range(len(rows[0]))
        for cell in CELLS.values()
    ]


def hostile(path: Path) -> list[Callable[[], str]]:
    return (csv_cases if path.suffix == ".csv" else json_cases)(path.read_text())
