"""The progress bar, and the files with the results."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_WIDTH = 160  # columns of a table, on any terminal


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
    with text.open("w") as file:
        for console in (Console(width=_WIDTH), Console(width=_WIDTH, file=file)):
            console.print(*header, "", sep="\n", highlight=False, markup=False)
            console.print(table)
    rows = {name: [asdict(row) for row in values] for name, values in numbers.items()}
    data.write_text(json.dumps({"header": list(header), **rows}, indent=1) + "\n")
    print(f"results in {data.parent}")


def plot(name: str, rows: Sequence[object], path: Path) -> None:
    """Draw one of the plots."""
    from benchmarks import plots  # imported late: matplotlib is only needed at the end

    getattr(plots, name)(rows, path)
