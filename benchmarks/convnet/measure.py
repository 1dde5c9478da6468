"""Measure the steps of all implementations: each in its own process, one at a time, in turns."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from resource import RUSAGE_SELF, getrusage
from time import perf_counter

from rich.table import Table

from benchmarks.child_process import Child, ChildError, Terminal
from benchmarks.tables import plain_table

WIDTHS, BLOCKS, BATCH, STEPS = (32, 64), 1, 128, 16  # STEPS: those of one turn
TYPES = ("float32", "bfloat16")
# The name of a way of torchnet, or of autograd: the label in the table.
IMPLEMENTATIONS = {
    "captured": "torchnet, captured",
    "eager": "torchnet, eager",
    "autograd": "autograd, matched",
    "compiled": "autograd, torch.compile",
}
_BASELINE = "captured"


@dataclass
class StepTimes:
    """What was measured of one implementation.

    Attributes:
        dtype: "float32", or "bfloat16" for operands rounded to bfloat16.
        name: a key of `IMPLEMENTATIONS`.
        ms: the milliseconds per step, for each turn.
        faults: the page faults per step, for each turn.
        loss: the loss of the last step of the first turn; all implementations train on the same samples.
        fault: why there are no measurements; empty if there are.
    """

    dtype: str
    name: str
    ms: list[float] = field(default_factory=list)
    faults: list[float] = field(default_factory=list)
    loss: float = 0
    fault: str = ""


def measure_convnet(turns: int, terminal: Terminal, show: Callable[[str], None]) -> list[StepTimes]:
    """Let all implementations take some steps per turn, after a first turn that warms up; return their times."""
    rows = [StepTimes(dtype, name) for dtype in TYPES for name in IMPLEMENTATIONS]
    children: list[Child] = []
    try:
        for row in rows:
            show(f"{row.dtype}: {IMPLEMENTATIONS[row.name]}")
            children.append(Child(terminal, f"{__name__}:run_steps", row.name, row.dtype))
            _turn(row, children[-1], keep=False)
        for turn in range(turns):
            show(f"turn {turn + 1}")
            first = turn % len(rows)  # rotate the order: no implementation always follows the same other one
            for place in [*range(first, len(rows)), *range(first)]:
                _turn(rows[place], children[place])
    finally:
        for child in children:
            child.kill()
    return rows


def _turn(row: StepTimes, child: Child, keep: bool = True) -> None:
    if row.fault:
        return
    try:
        seconds, faults, loss = child.ask("run")
    except ChildError as error:
        row.fault = str(error)
        return
    if keep:
        row.ms.append(1000 * seconds / STEPS)
        row.faults.append(faults / STEPS)
    else:
        row.loss = loss


def run_steps(connection: Connection, name: str, dtype: str) -> None:
    """Take STEPS steps whenever the parent asks for it; send the seconds, the page faults and the last loss."""
    import torch

    from benchmarks.convnet.loops import make_loop

    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (4096, 1, 28, 28), dtype=torch.uint8, generator=generator)
    labels = torch.randint(10, (4096,), generator=generator)
    order = torch.randperm(4096, generator=generator)[: STEPS * BATCH].view(STEPS, BATCH)
    run = make_loop(name, dtype == "bfloat16", images, labels, WIDTHS, BLOCKS)
    while True:
        connection.recv()
        before, start = getrusage(RUSAGE_SELF).ru_minflt, perf_counter()
        losses = run(order)
        seconds = perf_counter() - start
        connection.send((seconds, getrusage(RUSAGE_SELF).ru_minflt - before, losses[-1].item()))


def convnet_table(rows: list[StepTimes]) -> Table:
    """Return the medians, and their ratios to torchnet's captured steps within the same turn."""
    table = plain_table("dtype", "implementation", "step\nms", "ratio to\ncaptured*", "page faults\nper step", "loss")
    table.caption = "* > 1 = slower than torchnet's captured steps"
    captured = {row.dtype: row.ms for row in rows if row.name == _BASELINE}
    for row in rows:
        label = IMPLEMENTATIONS[row.name]
        if row.fault or not captured[row.dtype]:
            table.add_row(row.dtype, f"{label}: {row.fault}", "-", "-", "-", "-")
            continue
        ratio = statistics.median(one / other for one, other in zip(row.ms, captured[row.dtype], strict=True))
        faults = statistics.median(row.faults)
        table.add_row(
            row.dtype, label, f"{statistics.median(row.ms):.2f}", f"{ratio:.2f}", f"{faults:.0f}", f"{row.loss:.4f}"
        )
    return table
