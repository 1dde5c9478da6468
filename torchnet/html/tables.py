"""HTML tables that inherit fonts and colors, so that they fit light and dark notebooks. All text is escaped."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_DECADES = 3  # that a bar spans at least, or equal values would look different
_SHORTEST = 0.02  # of the widest bar
_SPACE = "padding:.1em .6em"


class Bar(NamedTuple):
    """A number as text, and the width of the bar beside it, from 0 to 1."""

    text: str
    width: float


Cell = str | int | Bar


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], note: str = "") -> str:
    """Return a table with a caption and, if there is one, a note below it. Text is aligned left, numbers right."""
    head = "".join(f'<th style="{_SPACE};text-align:left">{escape(column)}</th>' for column in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<table style="color:inherit"><caption style="caption-side:top;text-align:left;color:inherit">'
        f"<b>{escape(title)}</b></caption>"
        + (f"<thead><tr>{head}</tr></thead>" if head else "")
        + f"<tbody>{body}</tbody></table>"
        + (f'<div style="opacity:.75">{escape(note)}</div>' if note else "")
    )


def log_bars(values: Sequence[float | None]) -> list[Cell]:
    """Return cells with bars on a log scale, whose full width is the largest value; "" for None."""
    drawn = [value for value in values if value is not None and 0 < value < math.inf]
    largest = max(drawn, default=1.0)
    decades = max(_DECADES, math.log10(largest) - math.log10(min(drawn, default=1.0)))

    def cell(value: float | None) -> Cell:
        if value is None:
            return ""
        if not 0 < value < math.inf:
            return Bar(f"{value:g}", 0)
        below = (math.log10(largest) - math.log10(value)) / decades
        return Bar(f"{value:#.3g}".rstrip("."), max(_SHORTEST, 1 - below))

    return list(map(cell, values))


def _cell(cell: Cell) -> str:
    if isinstance(cell, Bar):
        bar = f"display:inline-block;width:{cell.width:.0%};height:.6em;background:currentColor;opacity:.45"
        return (
            f'<td style="{_SPACE};text-align:right;white-space:nowrap">{escape(cell.text)} '
            f'<span aria-hidden="true" style="display:inline-block;width:5em;text-align:left">'
            f'<span style="{bar}"></span></span></td>'
        )
    if isinstance(cell, int):
        return f'<td style="{_SPACE};text-align:right">{cell:,}</td>'
    return f'<td style="{_SPACE};text-align:left;white-space:pre">{escape(cell)}</td>'
