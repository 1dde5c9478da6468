"""Measure training in two processes on this machine, with one thread each; the variants of the step take turns.

The processes find each other through a file and use the loopback interface: nothing listens on the network.
"""

import os
import statistics
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import torchnet
from benchmarks.matmul_loop import flops
from benchmarks.processes.model import Workload
from benchmarks.processes.networks import PROCESSES, Message, Network, StepTimes
from torchnet.engine import Engine
from torchnet.layers import BatchNorm1d
from torchnet.replicas import GradientSum, Replicas

_SAMPLES = 10_000
_FEW = PROCESSES  # samples of a step that is mostly its update; batch normalization needs two
_OPERATIONS = 3e10  # of matrix products, per time measurement
_MAX_STEPS = 50  # per time measurement
_SIZES = (4, 2**10, 2**14, 2**17, 2**20, 2**22, 2**24, 2**26)  # bytes of a message
_MAX_MESSAGES = 40  # per time measurement
_SQUARE = 512  # the size of the matrix products between two messages
_TIMEOUT = timedelta(seconds=120)


class _NotSummed(GradientSum):
    """Send nothing. The replicas then diverge, but only the time of the steps is measured."""

    def _send(self) -> None:
        self.sent += 1


class _SummedAfterBackward(GradientSum):
    """Send the same buckets, but only after the backward pass."""

    def add(self, layer: nn.Module) -> None:
        pass


class _Operations(TorchDispatchMode):
    """Count the operations that compute something: those whose result is not a view."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch does not annotate it
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        aliases = [result.alias_info for result in func._schema.returns]
        computes = any(alias is None or alias.is_write for alias in aliases)
        self.count += func.namespace == "aten" and computes  # not messages, whose cost is modeled separately
        return func(*args, **(kwargs or {}))


def run_process(connection: Connection, rank: int, folder: Path, networks: Sequence[Network], turns: int) -> None:
    """Run one of the processes; the first one sends the times of messages and then those of each network.

    Args:
        connection: the connection to the parent.
        rank: the number of this process.
        folder: the folder for the file through which the processes find each other.
        networks: the networks to train.
        turns: the number of time measurements per variant.
    """
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    rendezvous = (folder / "rendezvous").as_uri()
    dist.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=PROCESSES, timeout=_TIMEOUT)
    replicas = Replicas()
    measures: list[Callable[[], object]] = [partial(measure_messages, turns)]
    measures += [partial(measure, network, replicas, turns) for network in networks]
    for measured in measures:
        found = measured()
        if rank == 0:
            connection.send(found)
    dist.destroy_process_group()


def measure_messages(turns: int) -> list[Message]:
    """Return the median times of messages of all sizes."""
    square = torch.rand(_SQUARE, _SQUARE)
    found = []
    for size in _SIZES:
        tensor, times = torch.zeros(size // 4), max(1, min(_MAX_MESSAGES, _SIZES[-1] // size))
        measured = [
            (_message(tensor, times, lambda: None), _message(tensor, times, lambda: torch.mm(square, square)))
            for _ in range(1 + turns)
        ]
        found.append(Message(size, *map(statistics.median, zip(*measured[1:], strict=True))))
    return found


def _message(tensor: Tensor, times: int, before: Callable[[], object]) -> float:
    """Return the mean time of a message; the time of `before`, called before each one, is not counted."""
    spent = 0.0
    for _ in range(times):
        before()
        start = perf_counter()
        dist.all_reduce(tensor)
        spent += perf_counter() - start
    return spent / times


def measure(network: Network, replicas: Replicas, turns: int) -> StepTimes:
    """Return the median times of a step on random images; the variants take turns."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (_SAMPLES, network.sizes[0]), dtype=torch.uint8, generator=generator)
    labels = torch.randint(network.sizes[-1], (_SAMPLES,), generator=generator)
    net = torchnet.MLP(network.sizes, generator=generator, normalization=network.normalization)

    def engine(replicas: Replicas | None, gradient_sum: type[GradientSum] = GradientSum) -> Engine:
        optimizer = torchnet.SGD(net.parameters(), lr=0.01)
        made = Engine(net, torchnet.cross_entropy, optimizer, images, labels, way="eager", replicas=replicas)
        made.recipe.gradient_sum = None if replicas is None else gradient_sum(replicas, net)
        return made

    alone, overlapped = engine(None), engine(replicas)
    work = _work(network, net, overlapped)
    steps = min(_MAX_STEPS, max(1, round(_OPERATIONS / (work.flops * work.batch))))
    order = torch.randint(_SAMPLES, (steps, work.batch), generator=generator)
    few = order[:, :_FEW].flatten()
    seconds = _medians(
        {
            "alone": lambda: replicas.rank == 0 and alone.run(order.flatten(), work.batch),
            "few": lambda: replicas.rank == 0 and alone.run(few, _FEW),
            "compute": _steps(engine(replicas, _NotSummed), order),
            "overlapped": _steps(overlapped, order),
            "afterwards": _steps(engine(replicas, _SummedAfterBackward), order),
        },
        turns,
    )
    return StepTimes(network, work, **{variant: time / steps for variant, time in seconds.items()})


def _steps(engine: Engine, order: Tensor) -> Callable[[], object]:
    return lambda: engine.run(order.flatten(), order.shape[1])


def _work(network: Network, net: nn.Module, engine: Engine) -> Workload:
    gradient_sum = engine.recipe.gradient_sum
    assert gradient_sum is not None
    counts = []
    for steps in (1, 1, 2):  # the first run sets up the block; the others differ by exactly one step
        with _Operations() as operations:
            engine.run(torch.arange(steps * network.batch) % _SAMPLES, network.batch)
        counts.append(operations.count)
    return Workload(
        network.batch,
        flops(network.sizes, 1),
        tuple(sum(weight.nbytes for weight in bucket) for bucket in gradient_sum.buckets),
        sum(isinstance(layer, BatchNorm1d) for layer in net.modules()),
        counts[2] - counts[1],
    )


def _medians(variants: dict[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Return the median time of each variant, without the first turn, which warms up."""
    times: dict[str, list[float]] = {variant: [] for variant in variants}
    names = list(variants)
    for turn in range(1 + turns):
        first = turn % len(names)  # rotate the order: none always follows the same other one
        for variant in names[first:] + names[:first]:
            times[variant].append(_seconds(variants[variant]))
    return {variant: statistics.median(seconds[1:]) for variant, seconds in times.items()}


def _seconds(run: Callable[[], object]) -> float:
    """Return the time until both processes have called `run`; an idle process sleeps at the barrier."""
    dist.barrier()
    start = perf_counter()
    run()
    dist.barrier()
    return perf_counter() - start
