"""The tables of `python -m benchmarks processes`: measurements, predictions of the model, estimates for GPUs."""

from collections.abc import Sequence

from rich.table import Table

from benchmarks.processes.gpu_estimate import GPU_COUNTS, GpuEstimate
from benchmarks.processes.model import Cluster, Link, predict
from benchmarks.processes.networks import StepTimes
from benchmarks.tables import plain_table

_CHECKED = ("model, ms", "measured, ms", "ratio")


def measured_table(rows: Sequence[StepTimes]) -> Table:
    """Return the milliseconds of a step in every variant."""
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


def check_table(rows: Sequence[StepTimes], link: Link) -> Table:
    """Return what the model predicts for two processes, from the step of one process and the times of messages."""
    table = plain_table(
        "prediction", *(f"{variant}\n{what}" for variant in ("not summed", "overlapped", "after") for what in _CHECKED)
    )
    for row in rows:
        cluster = Cluster(row.rate, row.few, 0, 0, link, link, machine=2, in_order=False)
        step = predict(row.work, cluster, 2)
        bare = step.compute + step.small
        cells = []
        for predicted, measured in (
            (bare, row.compute),
            (bare + step.exposed, row.overlapped),
            (bare + step.messages, row.afterwards),
        ):
            cells += [_ms(predicted), _ms(measured), f"{predicted / measured:.2f}"]
        table.add_row(str(row.network), *cells)
    return table


def estimates_table(rows: Sequence[GpuEstimate]) -> Table:
    """Return the estimated step times on many GPUs."""
    table = plain_table(
        "estimate for GPUs", *(f"{n:,}\nms (speedup)" for n in GPU_COUNTS), "fastest\nwith", "efficiency\n< 50 % from"
    )
    table.caption = (
        "from assumed constants, not measured; speedup: in samples per second; fastest with: among powers of two;\n"
        "efficiency < 50 %: each GPU processes less than half of the samples per second that one GPU alone does"
    )
    for row in rows:
        batch = "batch grows" if row.weak else "fixed batch"
        steps = zip(row.milliseconds, row.speedups, strict=True)
        table.add_row(
            f"{row.network}, {batch}, {'captured' if row.captured else 'eager'}",
            *(f"{ms:.3f} ({speedup:.2f})" for ms, speedup in steps),
            f"{row.best:,}",
            "-" if row.halved is None else f"{row.halved:,}",
        )
    return table


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.3g}" if abs(seconds) < 0.1 else f"{1000 * seconds:.0f}"
