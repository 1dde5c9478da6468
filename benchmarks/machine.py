"""Describe the machine: processor, versions, and the speed of matrix products."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.comparison.task import BATCH, SIZES

_PACKAGES = ("torch", "pytorch-lightning", "jax", "numpy", "scikit-learn")

MatmulSpeed = dict[str, dict[str, float]]  # dtype -> product -> GFLOP/s


def versions() -> list[str]:
    """Return one line with the versions of Python and the libraries."""
    found = [f"Python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"no {package}")
    return [", ".join(found)]


def describe(threads: int, speed: MatmulSpeed, load: float) -> list[str]:
    """Return the lines of the header: machine, versions, and the speed of matrix products.

    Args:
        threads: the number of torch threads, from `benchmarks.matmul_speed`.
        speed: the speed of matrix products, from `benchmarks.matmul_speed`.
        load: the load average before the first measurement.
    """
    lines = [
        f"{_cpu()}, {os.cpu_count()} cores, {threads} threads, {platform.system()}; load average: {load:.1f}",
        *versions(),
        f"GFLOP/s of torch's matrix products: 2048³, and those of layer 1 ({SIZES[0]} -> {SIZES[1]}, batch {BATCH})",
    ]
    for dtype, rates in speed.items():
        lines.append(f"  {dtype:19}   " + "   ".join(f"{name} {rate:,.0f}" for name, rate in rates.items()))
    return lines


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
