"""How long a step takes in P processes, on paper: what each computes, and what nobody can compute meanwhile.

    t(P) = compute + exposed + small

    compute = max(floor, fixed + rows · flops / rate)       rows = ⌈N / P⌉ of the mini-batch's N
    message = rounds · α + 2 (P - 1) / P · bytes / β        rounds = log₂ P
    exposed = max(last message, Σ messages - window)        window = 2/3 compute · (1 - first bucket / all buckets)
    small   = 2 · batch norms · rounds · α

fixed is what does not shrink with the rows, above all the update of all weights. The floor is for devices that compute
by themselves: the operations of a step, times what it takes to launch one. A process alone replays its step, which is
captured, and that takes less.

A sum over P processes moves 2 (P - 1) / P of its bytes through each of them, in a ring or in a tree, and no algorithm
moves less. In latency they differ: a ring takes 2 (P - 1) rounds, 2,046 for 1,024 processes, a tree about log₂ P, and
so NCCL takes trees where there are many processes. Hence the logarithm, which of two processes makes one round.

The messages of gradients go out from the moment at which the first bucket is full, and the rest of the backward pass,
two thirds of the compute, can hide them: all but the last one, which is full when backward is over. The two messages of
each batch normalization, which the pass waits for, hide behind nothing. Where messages keep their order (`in_order`),
those of the statistics wait for the gradients sent before them, and so does the pass: nothing is hidden at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, log2

import numpy as np


@dataclass(frozen=True)
class Workload:
    """A step of one network.

    Args:
        batch: N, the samples of the whole mini-batch.
        flops: of the products, for each sample.
        buckets: the bytes of gradients that are sent at once, in their order.
        batch_norms: the layers of batch normalization.
        operations: that a step is made of.
    """

    batch: int
    flops: int
    buckets: tuple[int, ...]
    batch_norms: int
    operations: int


@dataclass(frozen=True)
class Link:
    """What connects processes.

    Args:
        latency: α, the seconds of one round.
        bandwidth: β, bytes a second through each of them.
    """

    latency: float
    bandwidth: float


@dataclass(frozen=True)
class Cluster:
    """What computes a step, and what connects it.

    Args:
        rate: FLOP/s of the products in one process.
        fixed: seconds of a step that do not shrink with its rows.
        launch: seconds in which Python starts an operation, if that is not part of `fixed`.
        replay: the same of an operation that is captured.
        near: the link of the processes in one machine.
        far: that of more.
        machine: how many processes one machine has.
        in_order: whether a message waits for those that were sent before it.
    """

    rate: float
    fixed: float
    launch: float
    replay: float
    near: Link
    far: Link
    machine: int
    in_order: bool


@dataclass(frozen=True)
class Step:
    """The seconds of a step; those of all messages of gradients, if nothing were hidden, beside them."""

    compute: float
    exposed: float
    small: float
    messages: float

    @property
    def seconds(self) -> float:
        return self.compute + self.exposed + self.small


def predict(work: Workload, cluster: Cluster, processes: int) -> Step:
    """Return the step of so many processes."""
    rows = rows_of(work.batch, processes)
    floor = work.operations * (cluster.replay if processes == 1 else cluster.launch)
    compute = max(floor, cluster.fixed + rows * work.flops / cluster.rate)
    if processes == 1:
        return Step(compute, exposed=0, small=0, messages=0)
    link = cluster.near if processes <= cluster.machine else cluster.far
    messages = [message(size, link, processes) for size in work.buckets]
    window = 2 / 3 * compute * (1 - work.buckets[0] / sum(work.buckets))
    divided = processes <= work.batch  # else each has all rows, and their statistics
    if work.batch_norms > 0 and divided and cluster.in_order:
        window = 0
    exposed = max(messages[-1], sum(messages) - window)
    small = 2 * work.batch_norms * message(0, link, processes) if divided else 0
    return Step(compute, exposed, small, sum(messages))


def rows_of(batch: int, processes: int) -> int:
    """Return the rows of the process that has most; with fewer samples than processes each takes the whole."""
    return ceil(batch / processes) if processes <= batch else batch


def message(size: int, link: Link, processes: int) -> float:
    """Return the seconds in which so many bytes are summed over all processes."""
    return log2(processes) * link.latency + 2 * (processes - 1) / processes * size / link.bandwidth


def speedup(work: Workload, cluster: Cluster, processes: int, weak: bool = False) -> float:
    """Return how many times the samples a second of one process so many have.

    Args:
        work: of one process.
        cluster: what computes it.
        processes: P.
        weak: let the mini-batch grow with the processes; else it is divided among them.
    """
    scaled = scale(work, processes, weak)
    samples = scaled.batch / work.batch
    return samples * predict(work, cluster, 1).seconds / predict(scaled, cluster, processes).seconds


def scale(work: Workload, processes: int, weak: bool) -> Workload:
    """Return what so many processes train together."""
    return replace(work, batch=work.batch * processes) if weak else work


def fit(messages: Sequence[tuple[int, float]]) -> Link:
    """Return α and β of t = α + bytes / β, from (bytes, seconds) of messages between two processes.

    Least squares of relative errors: of absolute ones those of the largest messages would be all that counts, and α no
    more than what they leave over.
    """
    sizes, seconds = np.array(messages, dtype=float).T
    latency, per_byte = np.linalg.lstsq(np.stack((1 / seconds, sizes / seconds), 1), np.ones(len(sizes)))[0]
    return Link(float(latency), float(1 / per_byte))
