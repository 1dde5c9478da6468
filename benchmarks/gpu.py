"""Compare implementations of the step on a GPU: in one process, one epoch each in turns."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor

import torchnet
from benchmarks.autograd_loop import autograd_loop, build_network
from benchmarks.child_process import ChildError
from benchmarks.comparison.task import BATCH, LR, SIZES
from torchnet.data import load
from torchnet.data.order import shuffled
from torchnet.engine import Engine
from torchnet.step import scale_pixels

Run = Callable[[Tensor], object]  # the samples of an epoch, (n,) -> its losses


@dataclass(frozen=True)
class GpuTimes:
    """What was measured of one implementation of the step.

    Args:
        label: its name in the table.
        ms: the median time per epoch, without the first epoch, which warms up, compiles and captures.
        first_ms: the time of the first epoch.
        seconds: the time of all epochs, where the first one counts at most as much as the median.
        accuracy: the test accuracy after the last epoch.
    """

    label: str
    ms: float
    first_ms: float
    seconds: float
    accuracy: float


def measure(epochs: int, seed: int, device: str = "cuda") -> tuple[str, list[GpuTimes]]:
    """Return the name of the device and the times of all implementations, torchnet's CUDA graph first."""
    if device == "cuda" and not torch.cuda.is_available():
        raise ChildError("no NVIDIA GPU found, or this build of torch does not support it")
    data = load("mnist").by_label()
    images = torch.tensor(data.train_images, device=device).flatten(1)
    labels = torch.tensor(data.train_labels, device=device)
    test_images = scale_pixels(torch.tensor(data.test_images, device=device).flatten(1), torch.float32)
    test_labels = torch.tensor(data.test_labels, device=device)
    runs = {label: build(images, labels, seed) for label, build in _implementations().items()}
    times: dict[str, list[float]] = {label: [] for label in runs}
    order = shuffled(len(labels), seed)
    for epoch in range(epochs):
        indices = torch.from_numpy(order(epoch)).to(device)
        for label, (_, run) in runs.items():
            times[label].append(_seconds(run, indices))
    rows = []
    for label, (net, _) in runs.items():
        with torch.no_grad():
            accuracy = (net.eval()(test_images).argmax(dim=1) == test_labels).float().mean().item()
        first, *others = times[label]
        median = statistics.median(others or [first])
        rows.append(GpuTimes(label, 1000 * median, 1000 * first, sum(others) + min(first, median), accuracy))
    return torch.cuda.get_device_name() if device == "cuda" else device, rows


def _implementations() -> dict[str, Callable[[Tensor, Tensor, int], tuple[torch.nn.Module, Run]]]:
    return {
        "torchnet, CUDA graph": _torchnet(),
        "torchnet, CUDA graph, TF32": _torchnet(tf32=True),
        "torchnet, CUDA graph, bfloat16": _torchnet(torch.bfloat16),
        "torchnet, eager": _torchnet(captured=False),
        "autograd, matched": _autograd(compiled=False),
        "autograd, torch.compile": _autograd(compiled=True),
    }


def _torchnet(
    matmul_dtype: torch.dtype | None = None, captured: bool = True, tf32: bool = False
) -> Callable[[Tensor, Tensor, int], tuple[torch.nn.Module, Run]]:
    def build(images: Tensor, labels: Tensor, seed: int) -> tuple[torch.nn.Module, Run]:
        net = torchnet.MLP(SIZES, generator=torch.Generator().manual_seed(seed), matmul_dtype=matmul_dtype)
        net.to(images.device)
        optimizer = torchnet.SGD(net.parameters(), lr=LR)
        engine = Engine(
            net, torchnet.cross_entropy, optimizer, images, labels, block_size=120, captured=captured, tf32=tf32
        )
        return net, lambda indices: engine.run(indices, BATCH)

    return build


def _autograd(compiled: bool) -> Callable[[Tensor, Tensor, int], tuple[torch.nn.Module, Run]]:
    def build(images: Tensor, labels: Tensor, seed: int) -> tuple[torch.nn.Module, Run]:
        net = build_network(SIZES)
        net.load_state_dict(torchnet.MLP(SIZES, generator=torch.Generator().manual_seed(seed)).state_dict())
        net.to(images.device)
        run = autograd_loop(net, images, labels, LR, compiled)
        return net, lambda indices: run(indices.view(-1, BATCH))

    return build


def _seconds(run: Run, indices: Tensor) -> float:
    _synchronize(indices)
    start = perf_counter()
    run(indices)
    _synchronize(indices)
    return perf_counter() - start


def _synchronize(indices: Tensor) -> None:
    if indices.is_cuda:
        torch.cuda.synchronize()
