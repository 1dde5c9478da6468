"""The network shapes and batch sizes at which `measure.py` measures a step, and its results."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from benchmarks.comparison.task import BATCH, SIZES

WIDTHS = (64, 128, 256, 512, 1024, 2048, 4096)
DEPTHS = (2, 4, 8, 16, 32, 64)
BATCHES = {64: (32, 128, 500, 2000, 8000, 30_000, 60_000), 1024: (32, 128, 256, 500, 2000)}  # for each width

_FLOAT = 4  # bytes


@dataclass(frozen=True)
class Point:
    """A network and a batch size.

    Args:
        series: the line of the plot that the point belongs to.
        width: the width of the hidden layers.
        depth: the number of Linear layers.
        batch: the number of samples per step.
    """

    series: str
    width: int = SIZES[1]
    depth: int = len(SIZES) - 1
    batch: int = BATCH

    @property
    def sizes(self) -> tuple[int, ...]:
        """The widths from input to output."""
        return (SIZES[0], *(self.width,) * (self.depth - 1), SIZES[-1])

    @property
    def bytes(self) -> int:
        """An estimate of the memory: weights, gradients and updates, and about four values per activation."""
        weights = sum(fan_in * fan_out for fan_in, fan_out in pairwise(self.sizes))
        return 4 * _FLOAT * (3 * weights + 4 * self.batch * sum(self.sizes))  # 4 implementations

    @property
    def fits(self) -> bool:
        """Whether `bytes` is at most half of the machine's memory."""
        return self.bytes <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2


@dataclass(frozen=True)
class Measured:
    """What was measured at a point, or a fault if it could not be measured.

    Args:
        point: the network and the batch size.
        ms: the milliseconds of a step: "fused" (if that works here), "captured", "autograd", and "products", the
            matrix products alone.
        default: the way of torchnet's steps if none is asked for, "fused" or "captured".
        flops: the operations of the products.
    """

    point: Point
    ms: dict[str, float] = field(default_factory=dict)
    default: str = ""
    flops: int = 0
    fault: str = ""

    @property
    def gflops(self) -> float:
        """The GFLOP/s of torchnet's default, counting only the matrix products."""
        return self.flops / self.ms[self.default] / 1e6


def points() -> Iterator[Point]:
    """Yield all points, series by series, from small to large."""
    yield from (Point("width", width=width) for width in WIDTHS)
    for width in (64, 512):
        yield from (Point(f"depth, width {width}", width=width, depth=depth) for depth in DEPTHS)
    for width, batches in BATCHES.items():
        yield from (Point(f"batch, width {width}", width=width, batch=batch) for batch in batches)
