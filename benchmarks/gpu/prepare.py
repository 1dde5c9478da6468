"""Look for the GPU, and write the task of all implementations."""

from pathlib import Path

import torch

from benchmarks.child_process import ChildError
from benchmarks.comparison.prepare_task import prepare_task


def prepare(folder: Path, epochs: int, seed: int, device: str) -> str:
    """Write the task to a folder; return a line that describes the device.

    Raises:
        ChildError: if there is no such device.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ChildError("no NVIDIA GPU found, or this build of torch does not support it")
    prepare_task(folder, epochs, seed)
    if device == "cpu":
        return "the CPU"
    properties = torch.cuda.get_device_properties(0)
    memory = f"{properties.total_memory / 2**30:.0f} GiB"
    return f"{properties.name}, {memory}, {properties.multi_processor_count} SMs; CUDA {torch.version.cuda}"
