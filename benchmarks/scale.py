"""Measure a step over width, depth and batch size: torchnet, autograd, and only the matrix products."""

import statistics
from collections.abc import Callable
from time import perf_counter

import torch
from torch import Tensor

import torchnet
from benchmarks.autograd_loop import autograd_loop, build_network
from benchmarks.comparison.task import SIZES
from benchmarks.matmul_loop import flops, matmul_loop
from benchmarks.scale_points import Measured, Point
from torchnet.engine import Engine

_SAMPLES = 60_000
_LR = 0.001  # small, so that training on random labels does not overflow
_RUN = 0.05  # seconds of steps per time measurement
_BUDGET = 5.0  # seconds per point
_MIN_REPEATS = 3


def measure(point: Point) -> Measured:
    """Return the median times of a step on random images; the three implementations take turns."""
    images = torch.randint(256, (_SAMPLES, SIZES[0]), dtype=torch.uint8)
    labels = torch.randint(SIZES[-1], (_SAMPLES,))
    sizes = point.sizes
    net, autograd_net = torchnet.MLP(sizes), build_network(sizes)
    autograd_net.load_state_dict(
        net.state_dict()
    )  # torch's initialization is smaller and gives denormal gradients in deep networks
    engine = Engine(net, torchnet.cross_entropy, torchnet.SGD(net.parameters(), lr=_LR), images, labels)
    runs: list[Callable[[Tensor], object]] = [
        lambda order: engine.run(order.flatten(), point.batch),
        autograd_loop(autograd_net, images, labels, _LR),
        matmul_loop(sizes, point.batch),
    ]
    end = perf_counter() + _BUDGET
    step = torch.randint(_SAMPLES, (1, point.batch))
    slowest = max(min(_seconds(run, step) for _ in range(4)) for run in runs)  # the first runs warm up and capture
    order = torch.randint(_SAMPLES, (max(1, round(_RUN / slowest)), point.batch))
    times: list[list[float]] = []
    while perf_counter() < end or len(times) < _MIN_REPEATS:
        first = len(times) % len(runs)  # rotate the order: none always follows the same other one
        row = {i: _seconds(runs[i], order) / len(order) for i in _rotated(len(runs), first)}
        times.append([row[i] for i in range(len(runs))])
    torchnet_ms, autograd_ms, products_ms = (1000 * statistics.median(column) for column in zip(*times, strict=True))
    return Measured(point, torchnet_ms, autograd_ms, products_ms, flops(sizes, point.batch))


def _rotated(n: int, first: int) -> list[int]:
    return [(first + i) % n for i in range(n)]


def _seconds(run: Callable[[Tensor], object], order: Tensor) -> float:
    start = perf_counter()
    run(order)
    return perf_counter() - start
