"""Count what the GPU does in a step."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.worker import Kernels

_GPU_EVENTS = ("kernel", "gpu_memcpy", "gpu_memset")  # categories of events in a trace
_CPU_EVENTS = ("cpu_op",)  # without a GPU


def kernels_per_step(run: Callable[[Tensor], object], order: Tensor) -> Kernels:
    """Return the kernels of a step: what a long run has more than a short one, so that a run's start does not count.

    Args:
        run: takes a step per row of an order; it has run before.
        order: (steps, N) int64, on the device.
    """
    few = len(order) // 4
    _profiled(run, order[:few])  # the first time, the profiler itself is slow
    (short, short_time), (long, long_time) = (_profiled(run, rows) for rows in (order[:few], order))
    steps = len(order) - few
    return Kernels((long - short) / steps, (long_time - short_time) / steps)


def _profiled(run: Callable[[Tensor], object], order: Tensor) -> tuple[int, float]:
    """Return the number of events on the device, and the sum of their microseconds."""
    activity, names = (ProfilerActivity.CUDA, _GPU_EVENTS) if order.is_cuda else (ProfilerActivity.CPU, _CPU_EVENTS)
    with profile(activities=[activity]) as profiler:
        run(order)
        synchronize(order)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        return count(json.loads(path.read_text())["traceEvents"], names)


def count(events: list[dict], categories: tuple[str, ...]) -> tuple[int, float]:
    """Return the number of a trace's events in these categories, and the sum of their microseconds."""
    times = [float(event["dur"]) for event in events if event.get("cat") in categories and "dur" in event]
    return len(times), sum(times)


def synchronize(tensor: Tensor) -> None:
    """Wait until the device of a tensor is done."""
    if tensor.is_cuda:
        torch.cuda.synchronize()
