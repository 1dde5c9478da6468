"""The networks that two processes train together, and what is measured of each."""

from dataclasses import dataclass

from benchmarks.task import BATCH, SIZES
from benchmarks.together_model import Workload


@dataclass(frozen=True)
class Network:
    """A network and the mini-batch that the processes divide among them.

    Args:
        sizes: the widths from input to output.
        batch: N.
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
    """A sum over both processes, and its seconds.

    Args:
        size: bytes.
        in_a_row: when one message follows the other.
        between_products: when both processes compute before each, as in a step: who waits may find its core taken.
    """

    size: int
    in_a_row: float
    between_products: float


@dataclass(frozen=True)
class Together:
    """The seconds of a step, in every way.

    Args:
        network: what is trained.
        work: the same in the terms of the model.
        alone: one process has the whole mini-batch.
        few: one process has two samples: what does not shrink with the rows.
        compute: two processes, no gradient summed.
        overlapped: gradients are summed while backward goes on, as the engine does it.
        afterwards: gradients are summed when backward is over.
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
        """What the sums cost."""
        return self.overlapped - self.compute

    @property
    def unhidden(self) -> float:
        """What they cost with nothing hidden."""
        return self.afterwards - self.compute

    @property
    def rate(self) -> float:
        """FLOP/s of the products in one process."""
        return self.work.batch * self.work.flops / (self.alone - self.few)
