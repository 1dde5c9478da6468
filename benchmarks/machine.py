"""The machine under the numbers: its parts and its versions."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.task import BATCH, SIZES

_PACKAGES = ("torch", "pytorch-lightning", "jax", "numpy", "scikit-learn")

Ceiling = dict[str, dict[str, float]]  # the type: the product: GFLOP/s


def versions() -> list[str]:
    """Return one line that names Python and the libraries with their versions."""
    found = [f"Python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"no {package}")
    return [", ".join(found)]


def describe(threads: int, ceiling: Ceiling, load: float) -> list[str]:
    """Return lines that say what machine and which versions these are, and what `benchmarks.ceiling` has measured.

    Args:
        threads: of torch.
        ceiling: from the same place.
        load: the average number of running processes before anything was measured.
    """
    lines = [
        f"{_cpu()}, {os.cpu_count()} cores, {threads} threads, {platform.system()}; load before the start: {load:.1f}",
        *versions(),
        f"GFLOP/s of torch's products: 2048³, and the three of layer 1 ({SIZES[0]} -> {SIZES[1]}, batch {BATCH})",
    ]
    for dtype, rates in ceiling.items():
        lines.append(f"  {dtype:19}   " + "   ".join(f"{name} {rate:,.0f}" for name, rate in rates.items()))
    return lines


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
