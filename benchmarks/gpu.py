"""The step on a GPU, in every way that there is to take it: one process, an epoch of each in turns."""

import statistics
from collections.abc import Callable
from time import perf_counter

import torch
from torch import Tensor

import torchnet
from benchmarks.autograd_loop import autograd_loop, build_network
from benchmarks.children import ChildError
from benchmarks.summary import Way
from benchmarks.task import BATCH, LR, SIZES
from torchnet.data import load, scale_pixels
from torchnet.data.order import shuffled
from torchnet.engine.engine import Engine

Run = Callable[[Tensor], object]  # the samples of an epoch, (n,) -> its losses


def measure(epochs: int, seed: int, device: str = "cuda") -> tuple[str, list[Way]]:
    """Return the name of the device, and all ways, torchnet's CUDA graph first."""
    if device == "cuda" and not torch.cuda.is_available():
        raise ChildError("there is no NVIDIA GPU here, or this build of torch does not know it")
    data = load("mnist").by_label()
    images = torch.tensor(data.train_images, device=device).flatten(1)
    labels = torch.tensor(data.train_labels, device=device)
    test_images = scale_pixels(torch.tensor(data.test_images, device=device).flatten(1), torch.float32)
    test_labels = torch.tensor(data.test_labels, device=device)
    ways = {label: way(images, labels, seed) for label, way in _ways().items()}
    times: dict[str, list[float]] = {label: [] for label in ways}
    order = shuffled(len(labels), seed)
    for epoch in range(epochs):
        indices = torch.from_numpy(order(epoch)).to(device)
        for label, (_, run) in ways.items():
            times[label].append(_seconds(run, indices))
    rows = []
    for label, (net, _) in ways.items():
        with torch.no_grad():
            accuracy = (net.eval()(test_images).argmax(dim=1) == test_labels).float().mean().item()
        first, *others = times[label]
        median = statistics.median(others or [first])
        rows.append(Way(label, 1000 * median, 1000 * first, sum(others) + min(first, median), accuracy))
    return torch.cuda.get_device_name() if device == "cuda" else device, rows


def _ways() -> dict[str, Callable[[Tensor, Tensor, int], tuple[torch.nn.Module, Run]]]:
    return {
        "torchnet, CUDA graph": _torchnet(),
        "torchnet, CUDA graph, TF32": _torchnet(tf32=True),
        "torchnet, CUDA graph, bfloat16": _torchnet(torch.bfloat16),
        "torchnet, as it is written": _torchnet(captured=False),
        "autograd, matched": _autograd(compiled=False),
        "autograd, torch.compile": _autograd(compiled=True),
    }


def _torchnet(
    matmul_dtype: torch.dtype | None = None, captured: bool = True, tf32: bool = False
) -> Callable[[Tensor, Tensor, int], tuple[torch.nn.Module, Run]]:
    def way(images: Tensor, labels: Tensor, seed: int) -> tuple[torch.nn.Module, Run]:
        net = torchnet.MLP(SIZES, generator=torch.Generator().manual_seed(seed), matmul_dtype=matmul_dtype)
        net.to(images.device)
        optimizer = torchnet.SGD(net.parameters(), lr=LR)
        engine = Engine(
            net, torchnet.cross_entropy, optimizer, images, labels, block_size=120, captured=captured, tf32=tf32
        )
        return net, lambda indices: engine.run(indices, BATCH)

    return way


def _autograd(compiled: bool) -> Callable[[Tensor, Tensor, int], tuple[torch.nn.Module, Run]]:
    def way(images: Tensor, labels: Tensor, seed: int) -> tuple[torch.nn.Module, Run]:
        net = build_network(SIZES)
        net.load_state_dict(torchnet.MLP(SIZES, generator=torch.Generator().manual_seed(seed)).state_dict())
        net.to(images.device)
        run = autograd_loop(net, images, labels, LR, compiled)
        return net, lambda indices: run(indices.view(-1, BATCH))

    return way


def _seconds(run: Run, indices: Tensor) -> float:
    _wait(indices)
    start = perf_counter()
    run(indices)
    _wait(indices)
    return perf_counter() - start


def _wait(indices: Tensor) -> None:
    """Wait until the device is done."""
    if indices.is_cuda:
        torch.cuda.synchronize()
