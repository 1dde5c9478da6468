"""The tables of processes that train together: what was measured, what the model says of it, and of many GPUs."""

from collections.abc import Sequence

from rich.table import Table

from benchmarks.tables import plain_table
from benchmarks.together_model import Cluster, Link, predict
from benchmarks.together_networks import Together
from benchmarks.together_paper import GPUS, OnPaper

_CHECKED = ("says, ms", "is, ms", "says / is")


def measured_table(rows: Sequence[Together]) -> Table:
    """Return the milliseconds of a step in every way."""
    table = plain_table(
        "network",
        "batch",
        "alone\nms",
        "2 samples\nms",
        "not summed\nms",
        "overlapped\nms",
        "after\nms",
        "speedup",
        "exposed\nms",
        "unhidden\nms",
        "hidden",
        "alone\nGFLOP/s",
    )
    table.caption = (
        "speedup: alone / overlapped; exposed: overlapped - not summed; unhidden: after - not summed; "
        "hidden: 1 - exposed / unhidden"
    )
    for row in rows:
        seconds = (row.alone, row.few, row.compute, row.overlapped, row.afterwards)
        table.add_row(
            str(row.network),
            str(row.work.batch),
            *map(_ms, seconds),
            f"{row.alone / row.overlapped:.2f}",
            _ms(row.exposed),
            _ms(row.unhidden),
            f"{1 - row.exposed / row.unhidden:.0%}",
            f"{row.rate / 1e9:.0f}",
        )
    return table


def check_table(rows: Sequence[Together], link: Link) -> Table:
    """Return what the model predicts of two processes, from the step of one and the times of messages."""
    table = plain_table(
        "the model", *(f"{way}\n{what}" for way in ("not summed", "overlapped", "after") for what in _CHECKED)
    )
    for row in rows:
        cluster = Cluster(row.rate, row.few, 0, 0, link, link, machine=2, in_order=False)
        step = predict(row.work, cluster, 2)
        bare = step.compute + step.small
        cells = []
        for says, is_so in (
            (bare, row.compute),
            (bare + step.exposed, row.overlapped),
            (bare + step.messages, row.afterwards),
        ):
            cells += [_ms(says), _ms(is_so), f"{says / is_so:.2f}"]
        table.add_row(str(row.network), *cells)
    return table


def paper_table(rows: Sequence[OnPaper]) -> Table:
    """Return the steps on many GPUs."""
    table = plain_table(
        "on paper, on GPUs", *(f"{n:,}\nms (speedup)" for n in GPUS), "best\nnumber", "below half\nfrom"
    )
    table.caption = (
        "assumed, not measured; speedup: in samples a second; best number: of powers of two up to 1,024;\n"
        "below half: where each GPU does less than half of what one alone does"
    )
    for row in rows:
        batch = "batch grows" if row.weak else "batch stays"
        steps = zip(row.milliseconds, row.speedups, strict=True)
        table.add_row(
            f"{row.network}, {batch}, {'captured' if row.captured else 'as written'}",
            *(f"{ms:.3f} ({speedup:.2f})" for ms, speedup in steps),
            f"{row.best:,}",
            "-" if row.halved is None else f"{row.halved:,}",
        )
    return table


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.3g}" if abs(seconds) < 0.1 else f"{1000 * seconds:.0f}"
