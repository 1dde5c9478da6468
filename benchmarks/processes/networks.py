"""The networks to train in two processes, and the measurements of each."""

from dataclasses import dataclass

from benchmarks.comparison.task import BATCH, SIZES
from benchmarks.processes.model import Workload


@dataclass(frozen=True)
class Network:
    """A network and the size of the mini-batch that the processes divide.

    Args:
        sizes: the widths from input to output.
        batch: N, the number of samples in the mini-batch.
        normalization: as in `torchnet.MLP`.
    """

    sizes: tuple[int, ...]
    batch: int = 512
    normalization: str | None = None

    def __str__(self) -> str:
        return "-".join(map(str, self.sizes)) + (", batch norm" if self.normalization == "batch_norm" else "")


PROCESSES = 2
NOTEBOOK = Network(SIZES, BATCH)
RECORD = Network((784, 2500, 2000, 1500, 1000, 500, 10), normalization="batch_norm")  # configs/record.yaml
NETWORKS = (NOTEBOOK, *(Network((784, width, width, 10)) for width in (1024, 2048, 4096)), RECORD)


@dataclass(frozen=True)
class Message:
    """The seconds of a sum over both processes.

    Args:
        size: the size in bytes.
        in_a_row: the time per message if messages are sent back to back.
        between_products: the time per message if both processes compute before each one, as in a step.
    """

    size: int
    in_a_row: float
    between_products: float


@dataclass(frozen=True)
class StepTimes:
    """The seconds of a step of one network, in several variants.

    Args:
        network: the network that is trained.
        work: the network in terms of `benchmarks.processes.model`.
        alone: one process with the whole mini-batch.
        few: one process with two samples: the time that does not shrink with the number of rows.
        compute: two processes, without summing gradients.
        overlapped: two processes that sum gradients during the backward pass, as the engine does.
        afterwards: two processes that sum gradients after the backward pass.
    """

    network: Network
    work: Workload
    alone: float
    few: float
    compute: float
    overlapped: float
    afterwards: float

    @property
    def exposed(self) -> float:
        """The time that the sums add to a step."""
        return self.overlapped - self.compute

    @property
    def unhidden(self) -> float:
        """The time that the sums add if they do not overlap with the backward pass."""
        return self.afterwards - self.compute

    @property
    def rate(self) -> float:
        """FLOP/s of the matrix products in one process."""
        return self.work.batch * self.work.flops / (self.alone - self.few)
