"""Which samples a run trains on in each step: written down from outside, and joined over runs that were killed."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from torchnet.engine import Engine

Ledger = dict[int, list[int]]  # step, from 0 -> the samples of its mini-batch


def keep_ledger(path: Path) -> None:
    """Have every block of steps of this process appended to the file, once its steps are done."""
    take: Callable[..., Tensor] = Engine.run

    def run(self: Engine, indices: Tensor, batch_size: int, *args: Any, **kwargs: Any) -> Tensor:
        first = self.step.item() if len(args) < 3 else args[2]
        losses = take(self, indices, batch_size, *args, **kwargs)
        lines = [
            json.dumps([first + k, samples.tolist()]) + "\n" for k, samples in enumerate(indices.split(batch_size))
        ]
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, "".join(lines).encode())
        os.close(descriptor)
        return losses

    Engine.run = run


def read_ledger(path: Path) -> Ledger:
    """Return the ledger of one run; an empty one if it trained on nothing."""
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(map(json.loads, lines))


def join(ledgers: Sequence[Ledger]) -> Ledger:
    """Return what runs that went on from each other's checkpoints have trained on: each up to where the next began."""
    joined: Ledger = {}
    for ledger in ledgers:
        if ledger:
            joined = {step: samples for step, samples in joined.items() if step < min(ledger)} | ledger
    return joined
