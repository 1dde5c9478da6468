"""Estimated step times on many GPUs: the model of a step with assumed hardware constants.

The number of operations is that of the measured step, with plain SGD and without augmentation. Augmentation and the
additional kernels of other optimizers are not included.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.processes.model import Cluster, Link, Workload, predict, scale, speedup

GPU_COUNTS = (1, 8, 64, 1024)  # the columns of the table
PLAIN_SGD = 12  # bytes that an update moves per weight: weight and gradient read, weight written
AVERAGED_ADAMW = 40  # the same, plus two moments read and written, and a weight average, which reads the weight again
_POWERS = tuple(2**k for k in range(11))  # the numbers of GPUs to choose the fastest from


@dataclass(frozen=True)
class GpuConstants:
    """Constants similar to those of an NVIDIA H100. All of them are assumed; none is measured."""

    rate: float = 400e12  # assumed: FLOP/s of wide products in bfloat16, of a nominal 990e12
    memory: float = 3e12  # assumed: bytes per second
    launch: float = 5e-6  # assumed: seconds for Python to launch an operation
    replay: float = 2e-6  # assumed: seconds per small operation in a CUDA graph
    latency: float = 10e-6  # assumed: seconds per round; a message takes 30 µs on 8 GPUs, 60 on 64, 100 on 1,024
    near: float = 200e9  # assumed: bytes per second through each GPU within one machine
    far: float = 40e9  # assumed: the same between machines
    machine: int = 8  # GPUs per machine

    def cluster(self, update: int, captured: bool) -> Cluster:
        """Return a cluster for a network.

        Args:
            update: the bytes that an update reads and writes.
            captured: whether several processes replay captured steps; torchnet only does so with one process.
        """
        return Cluster(
            rate=self.rate,
            fixed=update / self.memory,
            launch=self.replay if captured else self.launch,
            replay=self.replay,
            near=Link(self.latency, self.near),
            far=Link(self.latency, self.far),
            machine=self.machine,
            in_order=True,  # NCCL keeps the order of messages within one process group
        )


@dataclass(frozen=True)
class GpuEstimate:
    """The estimates for one network in one scenario.

    Args:
        network: the name of the network.
        weak: whether the mini-batch grows with the number of GPUs (weak scaling).
        captured: whether several processes replay captured steps.
        milliseconds: the time of a step for each number in `GPU_COUNTS`.
        speedups: the samples per second for each number in `GPU_COUNTS`, relative to one GPU.
        best: the number of GPUs with the most samples per second.
        halved: the smallest number of GPUs, from 2 up, with an efficiency below 50 %; None if there is none.
    """

    network: str
    weak: bool
    captured: bool
    milliseconds: tuple[float, ...]
    speedups: tuple[float, ...]
    best: int
    halved: int | None


def gpu_estimates(network: str, work: Workload, bytes_per_weight: int, gpus: GpuConstants) -> Iterator[GpuEstimate]:
    """Yield the estimates for a network: fixed and growing mini-batch, each eager and captured.

    Args:
        network: the name of the network.
        work: its step on one GPU, in float32.
        bytes_per_weight: the bytes that an update reads and writes per weight.
        gpus: the hardware constants.
    """
    update = sum(work.buckets) // 4 * bytes_per_weight
    for weak in (False, True):
        for captured in (False, True):
            cluster = gpus.cluster(update, captured)
            steps = [predict(scale(work, n, weak), cluster, n).seconds for n in GPU_COUNTS]
            speedups = {n: speedup(work, cluster, n, weak) for n in _POWERS}
            yield GpuEstimate(
                network,
                weak,
                captured,
                tuple(1000 * step for step in steps),
                tuple(speedups[n] for n in GPU_COUNTS),
                best=max(_POWERS, key=lambda n: speedups[n]),
                halved=next((n for n in _POWERS[1:] if speedups[n] < n / 2), None),
            )
