"""`python -m benchmarks gpu`: each part prints its table when it is done, and a part that fails says why in a line."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from benchmarks.child_process import Child, Terminal, call
from benchmarks.comparison.task import Task
from benchmarks.gpu import IMPLEMENTATIONS
from benchmarks.gpu.tables import implementations_table, record_table, train_table
from benchmarks.gpu.train_command import time_train
from benchmarks.gpu.turns import measure, number_of_shown
from benchmarks.machine import versions
from benchmarks.output import WIDTH, bar, write

_LIMIT = 120  # seconds for a part that has no limit of its own


def run_gpu(
    epochs: int,
    seed: int,
    folder: Path,
    out: Path,
    device: str = "cuda",
    labels: Sequence[str] = tuple(IMPLEMENTATIONS),
    options: Sequence[str] = (),
) -> None:
    """Measure the implementations of the step, `python train.py`, and a step of configs/record.yaml.

    Args:
        epochs: the number of epochs of each implementation.
        seed: the seed of the weights and the sample order.
        folder: a temporary folder.
        out: the folder for the results.
        device: "cuda", or "cpu" to try all of this without a GPU.
        labels: the implementations.
        options: more options for train.py, also with record.yaml.
    """
    terminal, begin = Terminal(), time.perf_counter()
    gpu = call(terminal, "benchmarks.gpu.prepare:prepare", folder, epochs, seed, device, limit=_LIMIT)
    results = Results([gpu, *versions()], out)
    results.add(
        "implementations", partial(_implementations, labels, epochs, folder, device, terminal), implementations_table
    )
    results.add("train", partial(_starts, folder, options), train_table)
    record = partial(call, terminal, "benchmarks.gpu.record_step:measure_record", *options, limit=_LIMIT)
    results.add("record", lambda: [record()], record_table)
    print(f"{time.perf_counter() - begin:.0f} s; results in {out}")


def _implementations(labels: Sequence[str], epochs: int, folder: Path, device: str, terminal: Terminal) -> list[Any]:
    children: list[Child] = []

    def start(label: str) -> Child:
        children.append(Child(terminal, "benchmarks.gpu.worker:serve", label, folder, device))
        return children[-1]

    try:
        with bar(number_of_shown(len(labels), epochs)) as show:
            return measure(labels, start, Task.load(folder), epochs, show)
    finally:
        for child in children:
            child.kill()


def _starts(folder: Path, options: Sequence[str]) -> list[Any]:
    return [time_train(start, folder / f"{start} start", *options) for start in ("first", "second")]


@dataclass(frozen=True)
class Fault:
    """Why a part could not be measured."""

    part: str
    reason: str


class Results:
    """The results so far, written to gpu.txt and gpu.json after each part: a run that is cut off keeps them.

    Args:
        header: the lines above the tables, printed at once.
        out: the folder for the files.
    """

    def __init__(self, header: Sequence[str], out: Path) -> None:
        self.header, self.out = header, out
        self.tables: list[RenderableType] = []
        self.faults: list[Fault] = []
        self.numbers: dict[str, Sequence[object]] = {"faults": self.faults}
        print(*header, sep="\n", flush=True)

    def add(
        self, name: str, measure_part: Callable[[], Sequence[Any]], table_of: Callable[[Any], RenderableType]
    ) -> None:
        """Measure a part, print its table, and write all results."""
        rows: Sequence[object] = ()
        table: RenderableType
        try:
            rows = measure_part()
            table = table_of(rows)
        except Exception as error:  # whatever fails, the other parts still run
            self.faults.append(Fault(name, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"))
            table = Text(f"{name}: {self.faults[-1].reason}")
        self.tables.append(table)
        self.numbers[name] = rows
        Console(width=WIDTH).print(table)
        write(self.header, Group(*self.tables), self.numbers, self.out / "gpu.txt", self.out / "gpu.json")
