"""The tables of the measurements on a GPU."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from benchmarks.gpu import BASELINE
from benchmarks.gpu.record_step import RecordStep
from benchmarks.gpu.train_command import CommandTimes
from benchmarks.gpu.turns import GpuTimes
from benchmarks.gpu.worker import Kernels
from benchmarks.tables import plain_table


def implementations_table(rows: Sequence[GpuTimes]) -> Table:
    """Return the table of the implementations of the step."""
    table = plain_table(
        "implementation",
        "epoch\nms",
        "step\nµs",
        "ratio to\nfused*",
        "kernels\nper step",
        "GPU time\nper step, µs",
        "build\ns",
        "first epoch\nms",
        "test\naccuracy",
    )
    table.caption = "* > 1 = slower than torchnet, fused, float32"
    baseline = next((row.ms for row in rows if row.label == BASELINE and not row.fault), None)
    for row in rows:
        if row.fault:
            table.add_row(Text(f"{row.label}:\n{row.fault}"), *"-" * (len(table.columns) - 1))
            continue
        label = row.label if not row.kernels_fault else f"{row.label}:\nno kernels ({row.kernels_fault})"
        table.add_row(
            Text(label),
            f"{row.ms:.2f}",
            f"{row.step_us:.1f}",
            "-" if baseline is None else f"{row.ms / baseline:.2f}",
            *_cells(row.kernels),
            f"{row.build:.1f}",
            f"{1000 * row.seconds[0]:.0f}",
            f"{row.accuracy:.2%}",
        )
    return table


def train_table(rows: Sequence[CommandTimes]) -> Table:
    """Return the table of `python train.py`."""
    table = plain_table(
        "python train.py",
        "importing torch\nand Lightning, s",
        "to the first step\nbeyond that, s",
        "training\ns",
        "after the\nlast step, s",
        "total\ns",
        "device",
        "steps",
        "test\naccuracy",
    )
    for row in rows:
        table.add_row(
            f"{row.start} start",
            f"{row.libraries:.1f}",
            f"{row.before - row.libraries:.1f}",
            f"{row.training:.2f}",
            f"{row.after:.1f}",
            f"{row.total:.1f}",
            row.device,
            row.way,
            f"{row.accuracy:.2%}",
        )
    return table


def record_table(rows: Sequence[RecordStep]) -> Table:
    """Return the table of configs/record.yaml."""
    table = plain_table(
        "configs/record.yaml", "batch", "steps", "step\nms", "kernels\nper step", "GPU time\nper step, µs"
    )
    for row in rows:
        sizes = "-".join(map(str, row.sizes))
        label = sizes if not row.kernels_fault else f"{sizes}:\nno kernels ({row.kernels_fault})"
        table.add_row(Text(label), str(row.batch), row.way, f"{row.ms:.3f}", *_cells(row.kernels))
    return table


def _cells(kernels: Kernels | None) -> tuple[str, str]:
    return ("-", "-") if kernels is None else (f"{kernels.number:.0f}", f"{kernels.microseconds:.1f}")
