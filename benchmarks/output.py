"""What the parent shows while it measures, and what it leaves behind."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_WIDE = 160  # columns of a table, wherever it is printed


@contextmanager
def bar(total: int) -> Iterator[Callable[[str], None]]:
    """Yield a function that is told each of the things to be done when it is begun.

    The bar is drawn then and at no other time: while a child is measured, the parent sleeps.
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
        begun = iter(range(total))

        def show(what: str) -> None:
            progress.update(task, completed=next(begun), description=what)
            progress.refresh()

        yield show


def publish(
    header: Sequence[str], table: RenderableType, numbers: dict[str, Sequence[object]], text: Path, data: Path
) -> None:
    """Print the header and the table, and write them and the numbers, which are lists of dataclasses, to files."""
    with text.open("w") as file:
        for console in (Console(width=_WIDE), Console(width=_WIDE, file=file)):
            console.print(*header, "", sep="\n", highlight=False, markup=False)
            console.print(table)
    rows = {name: [asdict(row) for row in values] for name, values in numbers.items()}
    data.write_text(json.dumps({"header": list(header), **rows}, indent=1) + "\n")
    print(f"results in {data.parent}")


def plot(name: str, rows: Sequence[object], path: Path) -> None:
    """Draw one of the plots."""
    from benchmarks import plots  # here, as it is the last thing that is done

    getattr(plots, name)(rows, path)
