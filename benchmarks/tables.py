"""The tables, as text."""

import statistics
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from benchmarks.points import Measured
from benchmarks.summary import Summary, Way
from benchmarks.task import STEPS, TARGET

_WIDEST_FAULT = 60  # characters in a line


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
        "made\nready, s",
        "peak\nMiB",
        "its own\nMiB",
        "page faults\na step",
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


def recipes_table(races: Sequence[Sequence[Summary]]) -> Table:
    """Return the table of the recipes: a row each, the seeds of the races side by side.

    A recipe that never reaches the target counts with all of its seconds, which are less than it would need.
    """
    table = plain_table(
        "recipe", *(f"seed {seed}\ns (epochs)" for seed in range(len(races))), "median\ns", "times as\nlong"
    )
    table.caption = f"seconds of training to {TARGET:.2%} of the test images; > = not reached"
    medians = []
    for rows in zip(*races, strict=True):
        if faults := [row.fault for row in rows if row.fault]:
            table.add_row(Text(f"{rows[0].label}:\n{faults[0]}"), *"-" * (len(table.columns) - 1))
            continue
        medians.append(statistics.median(row.seconds_to_target or row.seconds for row in rows))
        table.add_row(
            rows[0].label,
            *(
                f"{row.seconds_to_target:.2f} ({row.epochs_to_target})"
                if row.seconds_to_target
                else f"> {row.seconds:.2f}"
                for row in rows
            ),
            f"{medians[-1]:.2f}",
            f"{medians[0] / medians[-1]:.1f}" if len(medians) > 1 else "",
        )
    return table


def _to_target(row: Summary) -> str:
    if row.seconds_to_target is None:
        return f"> {row.seconds:.2f}"
    return f"{row.seconds_to_target:.2f} ({row.epochs_to_target})"


def gpu_table(rows: Sequence[Way]) -> Table:
    """Return the table of the ways to take a step on a GPU."""
    table = plain_table(
        "way", "epoch\nms", "step\nms", "ratio to\nthe first*", "first epoch\nms", "training\ns", "test\naccuracy"
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


def scale_table(rows: Sequence[Measured], ceiling_gflops: float) -> Table:
    """Return the table of the cost of a step."""
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
        "of the\nceiling",
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
            f"{row.gflops / ceiling_gflops:.0%}",
        )
    return table


def plain_table(first: str, *others: str) -> Table:
    """Return a table without rows; all columns but the first one are of numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), caption_justify="left")
    table.add_column(first, max_width=_WIDEST_FAULT)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table
