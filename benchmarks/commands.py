"""The two commands: measure, then print, write and plot."""

import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.children import ChildError, Terminal, call
from benchmarks.machine import describe
from benchmarks.output import bar, plot, publish
from benchmarks.points import Measured, Point, points
from benchmarks.race import race
from benchmarks.summary import summarize
from benchmarks.tables import peers_table, scale_table


def run_race(peers: Sequence[str], epochs: int, seed: int, folder: Path, out: Path) -> None:
    """Let the peers train in turns.

    Args:
        peers: names in `benchmarks.peers.PEERS`.
        epochs: of each.
        seed: of the weights and of the order of the samples.
        folder: for the files of the task.
        out: for the results.
    """
    terminal, load = Terminal(), os.getloadavg()[0]
    with bar(2 + len(peers) * (1 + epochs)) as show:
        show("matrix products")
        threads, ceiling = call(terminal, "benchmarks.ceiling:measure_ceiling")
        show("the task")
        call(terminal, "benchmarks.prepare:prepare", folder, epochs, seed)
        results = race(peers, epochs, folder, terminal, show)
    header, rows = describe(threads, ceiling, load), summarize(results)
    publish(header, peers_table(rows), {"summary": rows, "results": results}, out / "table.txt", out / "results.json")
    plot("plot_peers", rows, out / "peers.png")
    plot("plot_accuracy", results, out / "accuracy.png")


def run_scale(out: Path) -> None:
    """Measure a step at every point."""
    terminal, load, everywhere = Terminal(), os.getloadavg()[0], list(points())
    with bar(1 + len(everywhere)) as show:
        show("matrix products")
        threads, ceiling = call(terminal, "benchmarks.ceiling:measure_ceiling")
        rows = []
        for point in everywhere:
            show(f"width {point.width}, depth {point.depth}, batch {point.batch:,}")
            rows.append(_measure(point, terminal))
    header = describe(threads, ceiling, load)
    table = scale_table(rows, ceiling["float32 as torchnet"]["2048³"])
    publish(header, table, {"points": rows}, out / "scale.txt", out / "scale.json")
    plot("plot_scale", rows, out / "scale.png")


def _measure(point: Point, terminal: Terminal) -> Measured:
    """Measure one point, in a process of its own: one that runs out of memory takes nothing along."""
    if not point.fits:
        return Measured(point, fault=f"left out: needs about {point.bytes / 2**30:.0f} GiB of memory")
    try:
        return call(terminal, "benchmarks.scale:measure", point)
    except ChildError as error:
        return Measured(point, fault=str(error))
