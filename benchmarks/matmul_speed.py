"""The speed of torch's matrix products on this machine."""

import statistics
from time import perf_counter

import torch
from torch import Tensor

from benchmarks.comparison.task import BATCH, SIZES
from benchmarks.machine import MatmulSpeed
from torchnet.engine.matmul_precision import float32_products

_SECONDS = 0.5  # per product


def measure_matmul_speed() -> tuple[int, MatmulSpeed]:
    """Return the number of threads, and the GFLOP/s of a large square product and of the three products of layer 1."""
    x, weight = torch.rand(BATCH, SIZES[0]), torch.rand(SIZES[1], SIZES[0])
    grad = torch.rand(BATCH, SIZES[1])
    square = torch.rand(2048, 2048)
    factors = {
        "2048³": (square, square),
        "forward": (x, weight.T),
        "weight gradient": (grad.T, x),
        "input gradient": (grad, weight),
    }
    speed = {"float32": _rates(factors, torch.float32), "bfloat16": _rates(factors, torch.bfloat16)}
    with float32_products(torch.device("cpu")):
        speed["float32 as torchnet"] = _rates(factors, torch.float32)
    return torch.get_num_threads(), speed


def _rates(factors: dict[str, tuple[Tensor, Tensor]], dtype: torch.dtype) -> dict[str, float]:
    return {name: _gflops(a.to(dtype), b.to(dtype)) for name, (a, b) in factors.items()}


def _gflops(a: Tensor, b: Tensor) -> float:
    out = torch.empty(len(a), b.shape[1], dtype=a.dtype)
    torch.mm(a, b, out=out)
    times, end = [], perf_counter() + _SECONDS
    while perf_counter() < end or len(times) < 3:
        start = perf_counter()
        torch.mm(a, b, out=out)
        times.append(perf_counter() - start)
    return 2 * a.numel() * b.shape[1] / statistics.median(times) / 1e9
