"""The progress bar, and the files with the results."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

WIDTH = 160  # columns of a table, on any terminal


@contextmanager
def bar(total: int) -> Iterator[Callable[[str], None]]:
    """Yield a function to call with a description at the start of each of `total` tasks.

    The bar is drawn only then: while a child is measured, the parent sleeps.
    """
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        *columns,
        TextColumn("{task.description}"),
        console=console,
        auto_refresh=False,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("", total=total)
        completed = iter(range(total))

        def show(what: str) -> None:
            progress.update(task, completed=next(completed), description=what)
            progress.refresh()

        yield show


def publish(
    header: Sequence[str], table: RenderableType, numbers: dict[str, Sequence[object]], text: Path, data: Path
) -> None:
    """Print header and table; write them to the file `text`, and the numbers (lists of dataclasses) to `data`."""
    show(header, table)
    write(header, table, numbers, text, data)
    print(f"results in {data.parent}")


def show(header: Sequence[str], table: RenderableType, file: TextIO | None = None) -> None:
    """Print header and table, to a file if one is given."""
    console = Console(width=WIDTH, file=file)
    console.print(*header, "", sep="\n", highlight=False, markup=False)
    console.print(table)


def write(
    header: Sequence[str], table: RenderableType, numbers: dict[str, Sequence[object]], text: Path, data: Path
) -> None:
    """Write header and table to the file `text`, and the numbers (lists of dataclasses) to `data`."""
    with text.open("w") as file:
        show(header, table, file)
    rows = {name: [asdict(row) for row in values] for name, values in numbers.items()}
    data.write_text(json.dumps({"header": list(header), **rows}, indent=1) + "\n")


def plot(name: str, rows: Sequence[object], path: Path) -> None:
    """Draw one of the plots."""
    from benchmarks import plots  # imported late: matplotlib is only needed at the end

    getattr(plots, name)(rows, path)
