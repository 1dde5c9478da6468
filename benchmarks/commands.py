"""The subcommands: measure, then print, write and plot the results.

This process imports torch only where it has to: the peak memory of a child is at least the memory of its parent when it
starts.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Group

from benchmarks.child_process import Child, ChildError, Terminal, call
from benchmarks.comparison.compare import compare
from benchmarks.comparison.summary import ratios, summarize
from benchmarks.convnet.measure import IMPLEMENTATIONS, TYPES, convnet_table, measure_convnet
from benchmarks.machine import describe
from benchmarks.output import bar, plot, publish
from benchmarks.overhead import VARIANTS, measure_overhead, overhead_table
from benchmarks.peers import RECIPES
from benchmarks.processes.gpu_estimate import AVERAGED_ADAMW, PLAIN_SGD, GpuConstants, gpu_estimates
from benchmarks.processes.model import fit
from benchmarks.processes.networks import NETWORKS, NOTEBOOK, PROCESSES, RECORD, Message, Network, StepTimes
from benchmarks.processes.tables import check_table, estimates_table, measured_table
from benchmarks.scale.points import Measured, Point, points
from benchmarks.tables import peers_table, ratios_table, recipes_table, scale_table


def run_peers(peers: Sequence[str], epochs: int, seed: int, folder: Path, out: Path) -> None:
    """Train the peers, one epoch at a time, in turns.

    Args:
        peers: names in `benchmarks.peers.PEERS`.
        epochs: the number of epochs per peer.
        seed: the seed of the weights and the sample order.
        folder: a temporary folder for the files of the task.
        out: the folder for the results.
    """
    terminal, load = Terminal(), os.getloadavg()[0]
    with bar(2 + len(peers) * (1 + epochs)) as show:
        show("matrix products")
        threads, speed = call(terminal, "benchmarks.matmul_speed:measure_matmul_speed")
        show("the task")
        call(terminal, "benchmarks.comparison.prepare_task:prepare_task", folder, epochs, seed)
        results = compare(dict.fromkeys(peers, epochs), folder, terminal, show)
    header, rows, compared = describe(threads, speed, load), summarize(results), ratios(results)
    tables = Group(peers_table(rows), ratios_table(compared)) if compared else peers_table(rows)
    numbers: dict[str, Sequence[object]] = {"summary": rows, "ratios": compared, "results": results}
    publish(header, tables, numbers, out / "table.txt", out / "results.json")
    plot("plot_peers", rows, out / "peers.png")
    plot("plot_accuracy", results, out / "accuracy.png")


def run_recipes(seeds: int, folder: Path, out: Path) -> None:
    """Train the recipes to the target accuracy, once per seed."""
    terminal, load = Terminal(), os.getloadavg()[0]
    rows_per_seed = []
    with bar(1 + seeds * (1 + len(RECIPES) + sum(RECIPES.values()))) as show:
        show("matrix products")
        threads, speed = call(terminal, "benchmarks.matmul_speed:measure_matmul_speed")
        for seed in range(seeds):
            show("the task")
            call(terminal, "benchmarks.comparison.prepare_task:prepare_task", folder, max(RECIPES.values()), seed)
            rows_per_seed.append(summarize(compare(RECIPES, folder, terminal, show)))
    header = describe(threads, speed, load)
    rows = [row for rows in rows_per_seed for row in rows]
    publish(header, recipes_table(rows_per_seed), {"summary": rows}, out / "recipes.txt", out / "recipes.json")


def run_depth(folder: Path, out: Path) -> None:
    """Train two networks of 20 layers, with sigmoids and with residual blocks, and show their gradients."""
    from benchmarks.depth import ROOT, measure_depth

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


def run_overhead(what: str, turns: int, epochs: int, out: Path) -> None:
    """Train the default run with and without a feature: "saving" or "report"."""
    terminal, load, variants = Terminal(), os.getloadavg()[0], VARIANTS[what]
    with bar(1 + turns * len(variants)) as show:
        show("matrix products")
        threads, speed = call(terminal, "benchmarks.matmul_speed:measure_matmul_speed")
        runs = measure_overhead(variants, turns, epochs, terminal, show)
    header = describe(threads, speed, load)
    publish(header, overhead_table(runs), {"runs": runs}, out / f"{what}.txt", out / f"{what}.json")


def run_convnet(turns: int, out: Path) -> None:
    """Measure a step of a residual convolutional network, by torchnet and by autograd."""
    terminal, load = Terminal(), os.getloadavg()[0]
    with bar(1 + len(TYPES) * len(IMPLEMENTATIONS) + turns) as show:
        show("matrix products")
        threads, speed = call(terminal, "benchmarks.matmul_speed:measure_matmul_speed")
        rows = measure_convnet(turns, terminal, show)
    header = describe(threads, speed, load)
    publish(header, convnet_table(rows), {"steps": rows}, out / "convnet.txt", out / "convnet.json")


def run_scale(out: Path) -> None:
    """Measure a step at every point of `benchmarks.scale.points`."""
    terminal, load, all_points = Terminal(), os.getloadavg()[0], list(points())
    with bar(1 + len(all_points)) as show:
        show("matrix products")
        threads, speed = call(terminal, "benchmarks.matmul_speed:measure_matmul_speed")
        rows = []
        for point in all_points:
            show(f"width {point.width}, depth {point.depth}, batch {point.batch:,}")
            rows.append(_measure(point, terminal))
    header = describe(threads, speed, load)
    table = scale_table(rows, speed["float32 as torchnet"]["2048³"])
    publish(header, table, {"points": rows}, out / "scale.txt", out / "scale.json")
    plot("plot_scale", rows, out / "scale.png")


def run_processes(turns: int, folder: Path, out: Path) -> None:
    """Train networks in two processes, measure their messages, and estimate step times for more processes.

    Args:
        turns: the number of measurements per variant of the step.
        folder: a temporary folder through which the processes find each other.
        out: the folder for the results.
    """
    terminal, load = Terminal(), os.getloadavg()[0]
    with bar(2 + len(NETWORKS)) as show:
        show("matrix products")
        threads, speed = call(terminal, "benchmarks.matmul_speed:measure_matmul_speed")
        messages, rows = _measure_processes(NETWORKS, turns, folder, terminal, show)
    # Without the message of 4 bytes: it is far below the line through the others, and no message of a step is so small.
    link = fit([(message.size, message.between_products) for message in messages[1:]])
    header = [
        *describe(threads, speed, load),
        f"a message of n bytes between two computing processes takes {1e6 * link.latency:.0f} µs + "
        f"n / ({link.bandwidth / 1e9:.2f} GB/s);",
        f"  4 bytes take {1e6 * messages[0].between_products:.0f} µs, or {1e6 * messages[0].in_a_row:.0f} µs in a row",
    ]
    works = {row.network: row.work for row in rows}
    estimates = [
        *gpu_estimates("notebook", works[NOTEBOOK], PLAIN_SGD, GpuConstants()),
        *gpu_estimates("record.yaml", works[RECORD], AVERAGED_ADAMW, GpuConstants()),
    ]
    tables = Group(measured_table(rows), check_table(rows, link), estimates_table(estimates))
    numbers: dict[str, Sequence[object]] = {"messages": messages, "networks": rows, "gpu_estimates": estimates}
    publish(header, tables, numbers, out / "processes.txt", out / "processes.json")


def _measure(point: Point, terminal: Terminal) -> Measured:
    """Measure one point in its own process, so that running out of memory affects only this point."""
    if not point.fits:
        return Measured(point, fault=f"skipped: needs about {point.bytes / 2**30:.0f} GiB of memory")
    try:
        return call(terminal, "benchmarks.scale.measure:measure", point)
    except ChildError as error:
        return Measured(point, fault=str(error))


def _measure_processes(
    networks: Sequence[Network], turns: int, folder: Path, terminal: Terminal, show: Callable[[str], None]
) -> tuple[list[Message], list[StepTimes]]:
    """Start two processes that train together; return the measurements of the first."""
    children: list[Child] = []
    try:
        show("messages")
        for rank in range(PROCESSES):
            children.append(Child(terminal, "benchmarks.processes.measure:run_process", rank, folder, networks, turns))
        messages, rows = children[0].receive(), []
        for network in networks:
            show(str(network))
            rows.append(children[0].receive())
        return messages, rows
    finally:
        for child in children:
            child.kill()
