"""Torchnet's bare loop with matrix products in bfloat16, where the processor has instructions for them."""

import torch

from benchmarks.children import ChildError
from benchmarks.peers import Laps, torchnet
from benchmarks.task import Task
from torchnet.engine.matmul_precision import unsupported


def train(task: Task, laps: Laps) -> None:
    """Train one epoch a lap."""
    if (reason := unsupported("bfloat16", torch.device("cpu"))) is not None:
        raise ChildError(reason)
    torchnet.train(task, laps, torch.bfloat16)
