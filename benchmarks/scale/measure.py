"""Measure a step at one point: torchnet fused and captured, autograd, and only the matrix products."""

import copy
import statistics
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter

import torch
from torch import Tensor

import torchnet
from benchmarks.autograd_loop import autograd_loop, build_network
from benchmarks.child_process import ChildError
from benchmarks.comparison.task import SIZES
from benchmarks.matmul_loop import flops, matmul_loop
from benchmarks.scale.points import Measured, Point
from benchmarks.torchnet_loop import default_way, torchnet_loop

_SAMPLES = 60_000
_LR = 0.001  # small, so that training on random labels does not overflow
_RUN = 0.05  # seconds of steps per time measurement
_BUDGET = 5.0  # seconds per point
_MIN_REPEATS = 3


def measure(point: Point) -> Measured:
    """Return the median times of a step on random images; the implementations take turns."""
    images = torch.randint(256, (_SAMPLES, SIZES[0]), dtype=torch.uint8)
    labels = torch.randint(SIZES[-1], (_SAMPLES,))
    net = torchnet.MLP(point.sizes)
    runs: dict[str, Callable[[Tensor], object]] = {}
    with suppress(ChildError):  # where there is no fused step, its column stays empty
        runs["fused"] = torchnet_loop(copy.deepcopy(net), images, labels, _LR, "fused")
    runs["captured"] = torchnet_loop(copy.deepcopy(net), images, labels, _LR, "captured")
    autograd_net = build_network(point.sizes)
    # Torch's initialization is smaller and gives denormal gradients in deep networks.
    autograd_net.load_state_dict(net.state_dict())
    runs["autograd"] = autograd_loop(autograd_net, images, labels, _LR)
    runs["products"] = matmul_loop(point.sizes, point.batch)
    ms = {name: 1000 * seconds for name, seconds in _medians(runs, point.batch).items()}
    return Measured(point, ms, default_way(net, images, labels), flops(point.sizes, point.batch))


def _medians(runs: dict[str, Callable[[Tensor], object]], batch: int) -> dict[str, float]:
    """Return the median seconds of a step of each implementation."""
    end = perf_counter() + _BUDGET
    step = torch.randint(_SAMPLES, (1, batch))
    slowest = max(min(_seconds(run, step) for _ in range(4)) for run in runs.values())  # the first runs warm up
    order = torch.randint(_SAMPLES, (max(1, round(_RUN / slowest)), batch))
    times: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    while perf_counter() < end or len(times[names[0]]) < _MIN_REPEATS:
        for name in names:
            times[name].append(_seconds(runs[name], order) / len(order))
        names = [*names[1:], names[0]]  # rotate the order: none always follows the same other one
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def _seconds(run: Callable[[Tensor], object], order: Tensor) -> float:
    start = perf_counter()
    run(order)
    return perf_counter() - start
