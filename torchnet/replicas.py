"""Data parallelism: several processes train one network, each on its share of every mini-batch.

A loss that is divided by the size of the whole mini-batch is the sum of the losses of its parts, and its gradient is
the sum of their gradients. Every process runs the forward and the backward pass on its own rows, the gradients are
summed over all processes, and the same update keeps the replicas of the network equal to the last bit. The number of
processes changes the speed; the training is the same, up to rounding, since sums are added up in another order.

Whatever depends on the position of a sample in the mini-batch, or on all samples, reads the `Share`: dropout masks,
augmentation, the statistics of batch normalization.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from inspect import signature
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

_BUCKET = 2**20  # bytes


class ConnectionLostError(RuntimeError):
    """The communication with another process has failed."""


@contextmanager
def connection_expected() -> Iterator[None]:
    """Raise a ConnectionLostError if a function of torch.distributed fails; most of them raise a RuntimeError."""
    try:
        yield
    except RuntimeError as error:
        raise ConnectionLostError(str(error)) from error


class Replicas:
    """The processes of torch.distributed's default group, which must be initialized.

    Attributes:
        rank: the number of this process, from 0.
        size: the number of processes.

    Raises:
        ConnectionLostError: by every method that communicates, if another process is lost.
    """

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def share(self, samples: int) -> "Share":
        """Return the rows of a mini-batch that this process has; the numbers of rows differ by at most one.

        If a mini-batch has fewer samples than there are processes, each process has all of it.
        """
        if samples < self.size:
            return Share(self, 0, samples, samples)
        start, stop = (samples * rank // self.size for rank in (self.rank, self.rank + 1))
        return Share(self, start, stop, samples)

    @connection_expected()
    def sum(self, tensor: Tensor) -> Tensor:
        """Sum a tensor over all processes, in place, and return it: the same bits in all of them."""
        dist.all_reduce(tensor)
        return tensor

    @connection_expected()
    def begin_sum(self, tensor: Tensor) -> dist.Work:
        """Start to sum a tensor over all processes, in place; `wait` on the result waits for the sum."""
        return dist.all_reduce(tensor, async_op=True)

    @connection_expected()
    def gather(self, tensor: Tensor) -> Tensor:
        """Return the tensors of all processes, in the order of their ranks.

        Shape:
            tensor: (...), the same in every process; returns: (size, ...).
        """
        gathered = tensor.new_empty((self.size, *tensor.shape))
        dist.all_gather(list(gathered.unbind(0)), tensor.contiguous())
        return gathered

    @connection_expected()
    def decision_of_first(self, decision: bool, device: torch.device) -> bool:
        """Return the decision of the first process, which may depend on its clock, in all processes."""
        decided = torch.tensor(decision, device=device)
        dist.broadcast(decided, src=0)
        return bool(decided)

    @connection_expected()
    def copy_first(self, tensors: Iterable[Tensor]) -> None:
        """Give tensors the values that they have in the first process."""
        for tensor in tensors:
            dist.broadcast(tensor, src=0)


@dataclass(frozen=True)
class Share:
    """The rows of a mini-batch that one process has.

    Attributes:
        replicas: the processes that divide the mini-batch.
        start: the position of the first row.
        stop: the position after the last row.
        samples: N, the size of the whole mini-batch.
    """

    replicas: Replicas
    start: int
    stop: int
    samples: int

    @property
    def is_whole(self) -> bool:
        """Whether each process has all rows."""
        return self.stop - self.start == self.samples

    @property
    def rows(self) -> slice:
        return slice(self.start, self.stop)

    @property
    def copies(self) -> int:
        """The number of processes that have each row."""
        return self.replicas.size if self.is_whole else 1

    def sum(self, tensor: Tensor) -> Tensor:
        """Return the sum over all processes of a sum over the rows of each."""
        return self.replicas.sum(tensor.clone())

    def pool(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and variance over all rows, from those over the rows of this process, each divided by its own n.

        With n_r rows of mean μ_r and variance σ_r² in process r, the variance of all is the mean of the variances plus
        the variance of the means:

            μ = 1/N Σᵣ n_r μ_r        σ² = 1/N Σᵣ n_r (σ_r² + (μ_r - μ)²)

        Shape:
            mean, var: (I,); returns: the same.

        Source: Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances".
        """
        means, variances = self.replicas.gather(torch.stack((mean, var))).unbind(1)
        parts = _parts(self.samples, self.replicas.size, mean.dtype, mean.device)
        mean = (parts * means).sum(dim=0)
        return mean, (parts * (variances + (means - mean).square())).sum(dim=0)


@cache
def _parts(samples: int, size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the fraction n_r / N of the rows that each process has, (size, 1)."""
    ends = torch.arange(size + 1) * samples // size
    return (ends.diff().to(device, dtype) / samples)[:, None]


class GradientSum:
    """Sum the gradients of a network over all processes, while its backward pass still writes others.

    Gradients are sent in buckets, the last layer's first, in the order in which backward writes them. A large gradient
    is sent alone and not copied; small ones are collected, as each message has a latency. A bucket is sent as soon as
    all of its gradients are written, and the backward pass of the layers below continues in the meantime.

    Args:
        replicas: the processes.
        net: the network.
        bucket_bytes: the largest size of a bucket with several gradients.
    """

    def __init__(self, replicas: Replicas, net: Any, bucket_bytes: int = _BUCKET) -> None:
        self.replicas = replicas
        self.has_callback = "written" in signature(net.backward).parameters
        self.buckets = in_buckets(list(net.parameters())[::-1], bucket_bytes)
        self.written: set[nn.Parameter] = set()
        self.sent = 0
        self.in_flight: list[tuple[list[nn.Parameter], Tensor, dist.Work]] = []

    def backward(self, net: Any, grad_logits: Tensor) -> None:
        """Run the backward pass of the network; afterwards every `.grad` is the sum over all processes."""
        if self.has_callback:
            net.backward(grad_logits, written=self.add)
        else:
            net.backward(grad_logits)
        self.finish()

    def add(self, layer: nn.Module) -> None:
        """Note that the gradients of a layer are written, and send the buckets that are complete."""
        self.written.update(layer.parameters())
        while self.sent < len(self.buckets) and self.written.issuperset(self.buckets[self.sent]):
            self._send()

    @connection_expected()
    def finish(self) -> None:
        """Send the remaining buckets, and wait until every `.grad` is the sum over all processes."""
        while self.sent < len(self.buckets):
            self._send()
        for weights, flat, work in self.in_flight:
            work.wait()
            grads = flat.split([weight.numel() for weight in weights])
            for weight, grad in zip(weights, grads, strict=True):
                weight.grad = grad.view(weight.shape)
        self.sent = 0
        self.written.clear()
        self.in_flight.clear()

    def _send(self) -> None:
        weights = [weight for weight in self.buckets[self.sent] if weight.grad is not None]  # None: not trained
        grads = [weight.grad.reshape(-1) for weight in weights if weight.grad is not None]
        self.sent += 1
        if grads:
            flat = grads[0] if len(grads) == 1 else torch.cat(grads)
            self.in_flight.append((weights, flat, self.replicas.begin_sum(flat)))


def in_buckets(weights: list[nn.Parameter], bucket_bytes: int) -> list[list[nn.Parameter]]:
    """Return weights, whose gradients are written in this order, in buckets in the order of their completion."""
    buckets: list[list[nn.Parameter]] = []
    small: list[nn.Parameter] = []
    room = 0
    for weight in weights:
        if weight.nbytes >= bucket_bytes:
            buckets.append([weight])
            continue
        if weight.nbytes > room or weight.dtype != small[0].dtype:
            small, room = [], bucket_bytes
            buckets.append(small)
        small.append(weight)
        room -= weight.nbytes
    places = {weight: place for place, weight in enumerate(weights)}
    return sorted(buckets, key=lambda bucket: places[bucket[-1]])
