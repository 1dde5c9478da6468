"""The commands: measure, then print, write and plot."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Group

from benchmarks.children import Child, ChildError, Terminal, call
from benchmarks.depth import ROOT, measure_depth
from benchmarks.machine import describe, versions
from benchmarks.output import bar, plot, publish
from benchmarks.peers import RECIPES
from benchmarks.points import Measured, Point, points
from benchmarks.race import race
from benchmarks.summary import summarize
from benchmarks.tables import gpu_table, peers_table, recipes_table, scale_table
from benchmarks.together_model import fit
from benchmarks.together_networks import NETWORKS, NOTEBOOK, PROCESSES, RECORD, Message, Network, Together
from benchmarks.together_paper import AVERAGED_ADAMW, PLAIN_SGD, Gpus, on_paper
from benchmarks.together_tables import check_table, measured_table, paper_table
from benchmarks.ways import WAYS, measure_ways, ways_table


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
        results = race(dict.fromkeys(peers, epochs), folder, terminal, show)
    header, rows = describe(threads, ceiling, load), summarize(results)
    publish(header, peers_table(rows), {"summary": rows, "results": results}, out / "table.txt", out / "results.json")
    plot("plot_peers", rows, out / "peers.png")
    plot("plot_accuracy", results, out / "accuracy.png")


def run_recipes(seeds: int, folder: Path, out: Path) -> None:
    """Let the recipes train to the target, once a seed."""
    terminal, load = Terminal(), os.getloadavg()[0]
    races = []
    with bar(1 + seeds * (1 + len(RECIPES) + sum(RECIPES.values()))) as show:
        show("matrix products")
        threads, ceiling = call(terminal, "benchmarks.ceiling:measure_ceiling")
        for seed in range(seeds):
            show("the task")
            call(terminal, "benchmarks.prepare:prepare", folder, max(RECIPES.values()), seed)
            races.append(summarize(race(RECIPES, folder, terminal, show)))
    header = describe(threads, ceiling, load)
    rows = [row for race in races for row in race]
    publish(header, recipes_table(races), {"summary": rows}, out / "recipes.txt", out / "recipes.json")


def run_depth(folder: Path, out: Path) -> None:
    """Train a network of 20 layers the old way and a newer one, and show the gradients of both."""
    runs = []
    with bar(2) as show:
        for config in ("deep_sigmoid", "deep_residual"):
            show(config)
            runs.append(measure_depth(ROOT / "configs" / f"{config}.yaml", folder))
    (out / "depth.json").write_text(json.dumps(list(map(asdict, runs)), indent=1) + "\n")
    for run in runs:
        first, last = run.norms[0][0], run.norms[0][-1]
        print(f"{run.config}: gradient of the first layer {first:.1e}, of the last {last:.1e}; {run.accuracy:.2%}")
    plot("plot_depth", runs, out / "depth.png")


def run_ways(what: str, turns: int, epochs: int, out: Path) -> None:
    """Let the default run train with and without something: "saving" or "report"."""
    terminal, load, ways = Terminal(), os.getloadavg()[0], WAYS[what]
    with bar(1 + turns * len(ways)) as show:
        show("matrix products")
        threads, ceiling = call(terminal, "benchmarks.ceiling:measure_ceiling")
        runs = measure_ways(ways, turns, epochs, terminal, show)
    header = describe(threads, ceiling, load)
    publish(header, ways_table(runs), {"runs": runs}, out / f"{what}.txt", out / f"{what}.json")


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


def run_together(turns: int, folder: Path, out: Path) -> None:
    """Let two processes train one network, measure what their messages cost, and reckon with more processes.

    Args:
        turns: the laps of each way to do it.
        folder: where the processes meet.
        out: for the results.
    """
    terminal, load = Terminal(), os.getloadavg()[0]
    with bar(2 + len(NETWORKS)) as show:
        show("matrix products")
        threads, ceiling = call(terminal, "benchmarks.ceiling:measure_ceiling")
        messages, rows = _measure_together(NETWORKS, turns, folder, terminal, show)
    # One of 4 bytes lies far below the line of all others, and no message of a step is so small.
    link = fit([(message.size, message.between_products) for message in messages[1:]])
    header = [
        *describe(threads, ceiling, load),
        f"a message of n bytes between two processes that compute takes {1e6 * link.latency:.0f} µs + "
        f"n / ({link.bandwidth / 1e9:.2f} GB/s);",
        f"  of 4 bytes {1e6 * messages[0].between_products:.0f} µs, or {1e6 * messages[0].in_a_row:.0f} µs in a row",
    ]
    works = {row.network: row.work for row in rows}
    paper = [
        *on_paper("notebook", works[NOTEBOOK], PLAIN_SGD, Gpus()),
        *on_paper("record.yaml", works[RECORD], AVERAGED_ADAMW, Gpus()),
    ]
    tables = Group(measured_table(rows), check_table(rows, link), paper_table(paper))
    numbers: dict[str, Sequence[object]] = {"messages": messages, "networks": rows, "on_paper": paper}
    publish(header, tables, numbers, out / "together.txt", out / "together.json")


def run_gpu(epochs: int, seed: int, out: Path) -> None:
    """Take the step on a GPU in every way."""
    with bar(1) as show:
        show("on the GPU")
        device, rows = call(Terminal(), "benchmarks.gpu:measure", epochs, seed)
    header = [device, *versions()]
    publish(header, gpu_table(rows), {"ways": rows}, out / "gpu.txt", out / "gpu.json")


def _measure(point: Point, terminal: Terminal) -> Measured:
    """Measure one point, in a process of its own: one that runs out of memory takes nothing along."""
    if not point.fits:
        return Measured(point, fault=f"left out: needs about {point.bytes / 2**30:.0f} GiB of memory")
    try:
        return call(terminal, "benchmarks.scale:measure", point)
    except ChildError as error:
        return Measured(point, fault=str(error))


def _measure_together(
    networks: Sequence[Network], turns: int, folder: Path, terminal: Terminal, show: Callable[[str], None]
) -> tuple[list[Message], list[Together]]:
    """Start two processes that train together; return what the first of them has measured."""
    children: list[Child] = []
    try:
        show("messages")
        for rank in range(PROCESSES):
            children.append(Child(terminal, "benchmarks.together:take_part", rank, folder, networks, turns))
        messages, rows = children[0].receive(), []
        for network in networks:
            show(str(network))
            rows.append(children[0].receive())
        return messages, rows
    finally:
        for child in children:
            child.kill()
