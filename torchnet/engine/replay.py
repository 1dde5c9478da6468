"""A step taken once, and replayed ever after: as a tape of its operations, or as a CUDA graph."""

from collections.abc import Callable
from typing import Any

import torch

from torchnet.engine.cuda_graph import Graph
from torchnet.engine.tape import CaptureError, Tape
from torchnet.engine.variants import same_bits

__all__ = ["CaptureError", "Graph", "Tape", "capture", "same_bits"]


def capture(step: Callable[[], Any], device: torch.device) -> Tape | Graph:
    """Take a step, on this device, and return what takes it again."""
    return Graph(step) if device.type == "cuda" else Tape(step)
