"""The tables of the results."""

import statistics
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from benchmarks.comparison.summary import Summary
from benchmarks.comparison.task import STEPS, TARGET
from benchmarks.gpu import GpuTimes
from benchmarks.scale_points import Measured

_MAX_FAULT_WIDTH = 60  # characters per line


def peers_table(rows: Sequence[Summary]) -> Table:
    """Return the table of the peers."""
    table = plain_table(
        "peer",
        "epoch\nms",
        "quartiles\nms",
        "ratio to\ntorchnet*",
        "step\nms",
        "test\naccuracy",
        f"epochs to\n{TARGET:.2%}",
        f"seconds to\n{TARGET:.2%}",
        "startup\ns",
        "peak\nMiB",
        "own\nMiB",
        "page faults\nper step",
    )
    table.caption = "* > 1 = slower than torchnet's loop"
    for row in rows:
        if row.fault:
            table.add_row(Text(f"{row.label}:\n{row.fault}"), *"-" * (len(table.columns) - 1))
            continue
        table.add_row(
            row.label,
            f"{row.ms:.1f}",
            f"{row.quartiles[0]:.1f} - {row.quartiles[1]:.1f}",
            "-" if row.ratio is None else f"{row.ratio:.2f}",
            f"{row.step_ms:.3f}",
            f"{row.accuracy:.2%}",
            "-" if row.epochs_to_target is None else str(row.epochs_to_target),
            "-" if row.seconds_to_target is None else f"{row.seconds_to_target:.1f}",
            f"{row.ready_seconds:.1f}",
            f"{row.peak_mib:.0f}",
            f"{row.own_mib:.0f}",
            f"{row.faults:.1f}",
        )
    return table


def recipes_table(rows_per_seed: Sequence[Sequence[Summary]]) -> Table:
    """Return the table of the recipes: one row per recipe, one column per seed.

    If a recipe does not reach the target, the seconds of all its epochs count, which is less than it would need.
    """
    table = plain_table(
        "recipe", *(f"seed {seed}\ns (epochs)" for seed in range(len(rows_per_seed))), "median\ns", "speedup"
    )
    table.caption = f"seconds of training to {TARGET:.2%} test accuracy; > = not reached; speedup: over the first row"
    medians = []
    for rows in zip(*rows_per_seed, strict=True):
        if faults := [row.fault for row in rows if row.fault]:
            table.add_row(Text(f"{rows[0].label}:\n{faults[0]}"), *"-" * (len(table.columns) - 1))
            continue
        medians.append(statistics.median(row.seconds_to_target or row.seconds for row in rows))
        table.add_row(
            rows[0].label,
            *map(_to_target, rows),
            f"{medians[-1]:.2f}",
            f"{medians[0] / medians[-1]:.1f}" if len(medians) > 1 else "",
        )
    return table


def _to_target(row: Summary) -> str:
    if row.seconds_to_target is None:
        return f"> {row.seconds:.2f}"
    return f"{row.seconds_to_target:.2f} ({row.epochs_to_target})"


def gpu_table(rows: Sequence[GpuTimes]) -> Table:
    """Return the table of the implementations on a GPU."""
    table = plain_table(
        "implementation",
        "epoch\nms",
        "step\nms",
        "ratio to\nfirst row*",
        "first epoch\nms",
        "training\ns",
        "test\naccuracy",
    )
    table.caption = "* > 1 = slower"
    for row in rows:
        table.add_row(
            row.label,
            f"{row.ms:.1f}",
            f"{row.ms / STEPS:.4f}",
            f"{row.ms / rows[0].ms:.2f}",
            f"{row.first_ms:.0f}",
            f"{row.seconds:.2f}",
            f"{row.accuracy:.2%}",
        )
    return table


def scale_table(rows: Sequence[Measured], peak_gflops: float) -> Table:
    """Return the table of step times over width, depth and batch size."""
    table = plain_table(
        "series",
        "width",
        "depth",
        "batch",
        "torchnet\nms/step",
        "autograd\nms/step",
        "products\nms/step",
        "autograd /\ntorchnet*",
        "torchnet /\nproducts",
        "torchnet\nGFLOP/s",
        "of peak",
    )
    table.caption = "* > 1 = slower than torchnet's loop"
    for row in rows:
        where = (str(row.point.width), str(row.point.depth), f"{row.point.batch:,}")
        if row.fault:
            table.add_row(Text(f"{row.point.series}:\n{row.fault}"), *where, *"-" * (len(table.columns) - 4))
            continue
        table.add_row(
            row.point.series,
            *where,
            f"{row.torchnet_ms:.3f}",
            f"{row.autograd_ms:.3f}",
            f"{row.products_ms:.3f}",
            f"{row.autograd_ms / row.torchnet_ms:.2f}",
            f"{row.torchnet_ms / row.products_ms:.2f}",
            f"{row.gflops:.0f}",
            f"{row.gflops / peak_gflops:.0%}",
        )
    return table


def plain_table(first: str, *others: str) -> Table:
    """Return a table without rows; all columns except the first are right-aligned."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), caption_justify="left")
    table.add_column(first, max_width=_MAX_FAULT_WIDTH)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table
