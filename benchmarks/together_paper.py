"""What many GPUs would make of a network, on paper: the model of a step with constants that are assumed.

The operations are those of the step that was measured, under plain SGD and without deformed images. What is done to
images, and how many kernels another optimizer has, comes on top.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.together_model import Cluster, Link, Workload, predict, scale, speedup

GPUS = (1, 8, 64, 1024)  # of which the table tells
PLAIN_SGD = 12  # bytes that an update moves for each weight: weight and gradient read, weight written
AVERAGED_ADAMW = 40  # the same, with two moments read and written, and an average, for which the weight is read again
_POWERS = tuple(2**k for k in range(11))  # among which it looks for the best


@dataclass(frozen=True)
class Gpus:
    """Constants like those of NVIDIA's H100: assumed, every one of them, and none measured here."""

    rate: float = 400e12  # assumed: FLOP/s of wide products in bfloat16, of 990e12 that are promised
    memory: float = 3e12  # assumed: bytes a second
    launch: float = 5e-6  # assumed: seconds in which Python starts an operation
    replay: float = 2e-6  # assumed: seconds of a small operation in a CUDA graph
    latency: float = 10e-6  # assumed: seconds a round; a message needs 30 µs among 8, 60 among 64, 100 among 1,024
    near: float = 200e9  # assumed: bytes a second through each of those in one machine
    far: float = 40e9  # assumed: the same over machines
    machine: int = 8  # GPUs

    def cluster(self, update: int, captured: bool) -> Cluster:
        """Return what trains a network whose update moves so many bytes.

        Args:
            update: bytes that are read and written.
            captured: replay the steps of several processes, too, which torchnet does not do.
        """
        return Cluster(
            rate=self.rate,
            fixed=update / self.memory,
            launch=self.replay if captured else self.launch,
            replay=self.replay,
            near=Link(self.latency, self.near),
            far=Link(self.latency, self.far),
            machine=self.machine,
            in_order=True,  # as NCCL keeps the messages of one group of processes
        )


@dataclass(frozen=True)
class OnPaper:
    """A way to train a network on many GPUs.

    Args:
        network: its name.
        weak: the mini-batch grows with the GPUs.
        captured: several processes replay their steps, too.
        milliseconds: of a step, for each number in `GPUS`.
        speedups: the samples a second for each of them, over those of the first.
        best: the number of GPUs with most samples a second; if the mini-batch stays, that with the shortest step.
        halved: the first number, from 2 up, of which each does less than half of what one alone does.
    """

    network: str
    weak: bool
    captured: bool
    milliseconds: tuple[float, ...]
    speedups: tuple[float, ...]
    best: int
    halved: int | None


def on_paper(network: str, work: Workload, bytes_a_weight: int, gpus: Gpus) -> Iterator[OnPaper]:
    """Yield a network's ways.

    Args:
        network: its name.
        work: its step on one GPU, in float32.
        bytes_a_weight: that its update reads and writes.
        gpus: the constants.
    """
    update = sum(work.buckets) // 4 * bytes_a_weight
    for weak in (False, True):
        for captured in (False, True):
            cluster = gpus.cluster(update, captured)
            steps = [predict(scale(work, n, weak), cluster, n).seconds for n in GPUS]
            speedups = {n: speedup(work, cluster, n, weak) for n in _POWERS}
            yield OnPaper(
                network,
                weak,
                captured,
                tuple(1000 * step for step in steps),
                tuple(speedups[n] for n in GPUS),
                best=max(_POWERS, key=lambda n: speedups[n]),
                halved=next((n for n in _POWERS[1:] if speedups[n] < n / 2), None),
            )
