"""Two processes of this machine that train one network, a thread each: the step in every way, lap by lap in turns.

They meet through a file and talk over the loopback interface: nothing listens on the network.
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
from benchmarks.products import flops
from benchmarks.together_model import Workload
from benchmarks.together_networks import PROCESSES, Message, Network, Together
from torchnet.engine.engine import Engine
from torchnet.layers import BatchNorm1d
from torchnet.replicas import GradientSum, Replicas

_SAMPLES = 10_000
_FEW = PROCESSES  # samples of the step that is nearly nothing but its update; batch normalization needs two
_LAP = 3e10  # operations of products
_MOST_STEPS = 50  # in a lap
_SIZES = (4, 2**10, 2**14, 2**17, 2**20, 2**22, 2**24, 2**26)  # bytes of a message
_MOST_MESSAGES = 40  # in a lap
_SQUARE = 512  # the side of the products between two messages
_TIMEOUT = timedelta(seconds=120)


class _Nothing(GradientSum):
    """Send nothing. The replicas are no longer equal then, and only the time of their steps counts."""

    def _send(self) -> None:
        self.sent += 1


class _Afterwards(GradientSum):
    """Send the same buckets, but none before backward is over."""

    def add(self, layer: nn.Module) -> None:
        pass


class _Operations(TorchDispatchMode):
    """Count the operations that compute something: those whose result is no view."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch does not annotate it
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        aliases = [result.alias_info for result in func._schema.returns]
        computes = any(alias is None or alias.is_write for alias in aliases)
        self.count += func.namespace == "aten" and computes  # what is sent costs what messages cost
        return func(*args, **(kwargs or {}))


def take_part(connection: Connection, rank: int, folder: Path, networks: Sequence[Network], turns: int) -> None:
    """Be one of the processes; the first one sends the times of messages, and then those of each network.

    Args:
        connection: to the parent.
        rank: the number of this process.
        folder: where they meet.
        networks: what is trained.
        turns: the laps of each way.
    """
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    meeting = (folder / "meeting").as_uri()
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=PROCESSES, timeout=_TIMEOUT)
    replicas = Replicas()
    measures: list[Callable[[], object]] = [partial(measure_messages, turns)]
    measures += [partial(measure, network, replicas, turns) for network in networks]
    for measured in measures:
        found = measured()
        if rank == 0:
            connection.send(found)
    dist.destroy_process_group()


def measure_messages(turns: int) -> list[Message]:
    """Return the median times of messages, small ones and large ones."""
    square = torch.rand(_SQUARE, _SQUARE)
    found = []
    for size in _SIZES:
        tensor, times = torch.zeros(size // 4), max(1, min(_MOST_MESSAGES, _SIZES[-1] // size))
        laps = [
            (_message(tensor, times, lambda: None), _message(tensor, times, lambda: torch.mm(square, square)))
            for _ in range(1 + turns)
        ]
        found.append(Message(size, *map(statistics.median, zip(*laps[1:], strict=True))))
    return found


def _message(tensor: Tensor, times: int, before: Callable[[], object]) -> float:
    """Return the mean time of a message, before each of which something is done that does not count."""
    spent = 0.0
    for _ in range(times):
        before()
        start = perf_counter()
        dist.all_reduce(tensor)
        spent += perf_counter() - start
    return spent / times


def measure(network: Network, replicas: Replicas, turns: int) -> Together:
    """Return the median times of a step on random images, all ways in turns."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (_SAMPLES, network.sizes[0]), dtype=torch.uint8, generator=generator)
    labels = torch.randint(network.sizes[-1], (_SAMPLES,), generator=generator)
    net = torchnet.MLP(network.sizes, generator=generator, normalization=network.normalization)

    def engine(replicas: Replicas | None, gradient_sum: type[GradientSum] = GradientSum) -> Engine:
        optimizer = torchnet.SGD(net.parameters(), lr=0.01)
        made = Engine(net, torchnet.cross_entropy, optimizer, images, labels, captured=False, replicas=replicas)
        made.gradient_sum = None if replicas is None else gradient_sum(replicas, net)
        return made

    alone, overlapped = engine(None), engine(replicas)
    work = _work(network, net, overlapped)
    steps = min(_MOST_STEPS, max(1, round(_LAP / (work.flops * work.batch))))
    order = torch.randint(_SAMPLES, (steps, work.batch), generator=generator)
    few = order[:, :_FEW].flatten()
    seconds = _laps(
        {
            "alone": lambda: replicas.rank == 0 and alone.run(order.flatten(), work.batch),
            "few": lambda: replicas.rank == 0 and alone.run(few, _FEW),
            "compute": _steps(engine(replicas, _Nothing), order),
            "overlapped": _steps(overlapped, order),
            "afterwards": _steps(engine(replicas, _Afterwards), order),
        },
        turns,
    )
    return Together(network, work, **{way: lap / steps for way, lap in seconds.items()})


def _steps(engine: Engine, order: Tensor) -> Callable[[], object]:
    return lambda: engine.run(order.flatten(), order.shape[1])


def _work(network: Network, net: nn.Module, engine: Engine) -> Workload:
    gradient_sum = engine.gradient_sum
    assert gradient_sum is not None
    counts = []
    for steps in (1, 2):  # what the second adds is a step without what a block of steps begins with
        with _Operations() as operations:
            engine.run(torch.arange(steps * network.batch) % _SAMPLES, network.batch)
        counts.append(operations.count)
    return Workload(
        network.batch,
        flops(network.sizes, 1),
        tuple(sum(weight.nbytes for weight in bucket) for bucket in gradient_sum.buckets),
        sum(isinstance(layer, BatchNorm1d) for layer in net.modules()),
        counts[1] - counts[0],
    )


def _laps(ways: dict[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Return the median of each way's laps; in the first turn, which is left out, it warms up."""
    times: dict[str, list[float]] = {way: [] for way in ways}
    names = list(ways)
    for turn in range(1 + turns):
        first = turn % len(names)  # nobody always follows the same one
        for way in names[first:] + names[:first]:
            times[way].append(_seconds(ways[way]))
    return {way: statistics.median(laps[1:]) for way, laps in times.items()}


def _seconds(run: Callable[[], object]) -> float:
    """Return how long it takes until both processes have run it. One that has nothing to do sleeps at the barrier."""
    dist.barrier()
    start = perf_counter()
    run()
    dist.barrier()
    return perf_counter() - start
