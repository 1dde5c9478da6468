"""The tables of the results."""

import statistics
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from benchmarks.comparison.summary import Ratio, Summary
from benchmarks.comparison.task import TARGET
from benchmarks.scale.points import Measured

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
    table.caption = "* > 1 = slower than torchnet's fused loop"
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
            "-" if row.accuracy is None else f"{row.accuracy:.2%}",
            "-" if row.epochs_to_target is None else str(row.epochs_to_target),
            "-" if row.seconds_to_target is None else f"{row.seconds_to_target:.1f}",
            f"{row.ready_seconds:.1f}",
            f"{row.peak_mib:.0f}",
            f"{row.own_mib:.0f}",
            f"{row.faults:.1f}",
        )
    return table


def ratios_table(rows: Sequence[Ratio]) -> Table:
    """Return the table of the ratios between two peers."""
    table = plain_table("ratio of the medians", "", "quartiles\nwithin rounds")
    for row in rows:
        table.add_row(row.name, f"{row.value:.2f}", f"{row.quartiles[0]:.2f} - {row.quartiles[1]:.2f}")
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


def scale_table(rows: Sequence[Measured], peak_gflops: float) -> Table:
    """Return the table of step times over width, depth and batch size."""
    table = plain_table(
        "series",
        "width",
        "depth",
        "batch",
        "fused\nms/step",
        "captured\nms/step",
        "autograd\nms/step",
        "products\nms/step",
        "fused /\nproducts",
        "captured /\nproducts",
        "default",
        "autograd /\ndefault*",
        "default\nGFLOP/s",
        "of peak",
    )
    table.caption = "* > 1 = slower than torchnet's loop in its default way"
    for row in rows:
        where = (str(row.point.width), str(row.point.depth), f"{row.point.batch:,}")
        if row.fault:
            table.add_row(Text(f"{row.point.series}:\n{row.fault}"), *where, *"-" * (len(table.columns) - 4))
            continue
        table.add_row(
            row.point.series,
            *where,
            *(
                f"{row.ms[name]:.3f}" if name in row.ms else "-"
                for name in ("fused", "captured", "autograd", "products")
            ),
            *(f"{row.ms[way] / row.ms['products']:.2f}" if way in row.ms else "-" for way in ("fused", "captured")),
            row.default,
            f"{row.ms['autograd'] / row.ms[row.default]:.2f}",
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
