"""A model of the time of a step in P processes: computation, plus communication that does not overlap with it.

    t(P) = compute + exposed + small

    compute = max(floor, fixed + rows · flops / rate)       rows = ⌈N / P⌉ of the mini-batch's N
    message = rounds · α + 2 (P - 1) / P · bytes / β        rounds = log₂ P
    exposed = max(last message, Σ messages - window)        window = 2/3 compute · (1 - first bucket / all buckets)
    small   = 2 · batch norms · rounds · α

`fixed` is the time that does not shrink with the rows, mainly the update of all weights. `floor` applies to
asynchronous devices: the number of operations in a step times the time to launch one. A single process replays a
captured step, which launches faster.

An all-reduce over P processes moves 2 (P - 1) / P of its bytes through each of them, in a ring or in a tree; no
algorithm moves less. They differ in latency: a ring takes 2 (P - 1) rounds, 2,046 for 1,024 processes, and a tree about
log₂ P. NCCL uses trees for many processes, hence the logarithm. For two processes it gives one round.

Gradients are sent as soon as the first bucket is full. The rest of the backward pass, which is two thirds of compute,
can hide all messages except the last, whose bucket is full when backward ends. The two messages of each batch
normalization are not hidden, since the pass waits for them. If messages keep their order (`in_order`), the statistics
wait for the gradients sent before them, and so does the pass: nothing is hidden.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, log2

import numpy as np


@dataclass(frozen=True)
class Workload:
    """The work of one step of a network.

    Args:
        batch: N, the samples of the whole mini-batch.
        flops: the operations of the matrix products per sample.
        buckets: the bytes of each message of gradients, in order.
        batch_norms: the number of batch normalization layers.
        operations: the number of operations (kernels) of a step.
    """

    batch: int
    flops: int
    buckets: tuple[int, ...]
    batch_norms: int
    operations: int


@dataclass(frozen=True)
class Link:
    """A connection between processes.

    Args:
        latency: α, seconds per round.
        bandwidth: β, bytes per second through each process.
    """

    latency: float
    bandwidth: float


@dataclass(frozen=True)
class Cluster:
    """The hardware that computes a step.

    Args:
        rate: FLOP/s of the matrix products in one process.
        fixed: seconds of a step that do not shrink with the number of rows.
        launch: seconds for Python to launch an operation; 0 if that is part of `fixed`.
        replay: seconds to launch an operation of a captured step.
        near: the link between the processes of one machine.
        far: the link between processes of different machines.
        machine: the number of processes per machine.
        in_order: whether a message waits for the messages sent before it.
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
    """The parts of a step in seconds; `messages` is the time of all gradient messages if none were hidden."""

    compute: float
    exposed: float
    small: float
    messages: float

    @property
    def seconds(self) -> float:
        return self.compute + self.exposed + self.small


def predict(work: Workload, cluster: Cluster, processes: int) -> Step:
    """Return the predicted step for a number of processes."""
    rows = rows_of(work.batch, processes)
    floor = work.operations * (cluster.replay if processes == 1 else cluster.launch)
    compute = max(floor, cluster.fixed + rows * work.flops / cluster.rate)
    if processes == 1:
        return Step(compute, exposed=0, small=0, messages=0)
    link = cluster.near if processes <= cluster.machine else cluster.far
    messages = [message(size, link, processes) for size in work.buckets]
    window = 2 / 3 * compute * (1 - work.buckets[0] / sum(work.buckets))
    divided = processes <= work.batch  # otherwise each process has all rows and their statistics
    if work.batch_norms > 0 and divided and cluster.in_order:
        window = 0
    exposed = max(messages[-1], sum(messages) - window)
    small = 2 * work.batch_norms * message(0, link, processes) if divided else 0
    return Step(compute, exposed, small, sum(messages))


def rows_of(batch: int, processes: int) -> int:
    """Return the largest number of rows per process; with fewer samples than processes, each takes all of them."""
    return ceil(batch / processes) if processes <= batch else batch


def message(size: int, link: Link, processes: int) -> float:
    """Return the seconds of an all-reduce of `size` bytes over all processes."""
    return log2(processes) * link.latency + 2 * (processes - 1) / processes * size / link.bandwidth


def speedup(work: Workload, cluster: Cluster, processes: int, weak: bool = False) -> float:
    """Return the samples per second of P processes relative to one process.

    Args:
        work: the work of one process.
        cluster: the hardware.
        processes: P.
        weak: True if the mini-batch grows with the processes, False if it is divided among them.
    """
    scaled = scale(work, processes, weak)
    samples = scaled.batch / work.batch
    return samples * predict(work, cluster, 1).seconds / predict(scaled, cluster, processes).seconds


def scale(work: Workload, processes: int, weak: bool) -> Workload:
    """Return the work of all processes together: P mini-batches if weak, else one."""
    return replace(work, batch=work.batch * processes) if weak else work


def fit(messages: Sequence[tuple[int, float]]) -> Link:
    """Return α and β of t = α + bytes / β, from (bytes, seconds) of messages between two processes.

    Least squares of the relative errors: with absolute errors, only the largest messages would count.
    """
    sizes, seconds = np.array(messages, dtype=float).T
    latency, per_byte = np.linalg.lstsq(np.stack((1 / seconds, sizes / seconds), 1), np.ones(len(sizes)))[0]
    return Link(float(latency), float(1 / per_byte))
