"""The environment that the bits of a result depend on, besides the program and its data."""

import platform
from functools import cache
from pathlib import Path

import torch


def environment(device: torch.device, processes: int = 1, order_of_sums: str = "plain") -> dict[str, str]:
    """Return the processor, the GPU if it is used, the build of torch, and the number of threads.

    If one of these differs, the same numbers may be added in another order and rounded differently. So may they if one
    step is plain and another one fused (torchnet.engine.Way).
    """
    together = f" in each of {processes} processes" if processes > 1 else ""
    found = {
        "processor": f"{_processor()}, {torch.backends.cpu.get_cpu_capability()}",
        "torch": f"{torch.__version__}, {torch.version.git_version}",
        "number of threads": f"{torch.get_num_threads()}{together}",
        "device": device.type,
        "training step": order_of_sums,
    }
    if device.type == "cuda":
        found["device"] = f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"
    return found


@cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # only Linux has this file
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
