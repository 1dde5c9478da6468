"""Faults planted in the trainer: what each of them breaks has to be noticed, or the trials prove nothing."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchnet.data import BlockLoader
from torchnet.engine import Engine
from torchnet.storage import checkpoint
from torchnet.training import data_module
from torchnet.training.callbacks.metrics_log import MetricsLog


def _momentum_not_restored() -> None:
    load = torch.optim.Optimizer.load_state_dict

    def load_options(self: torch.optim.Optimizer, state_dict: dict[str, Any]) -> None:
        load(self, state_dict | {"state": {}})

    torch.optim.Optimizer.load_state_dict = load_options


def _position_off_by_one() -> None:
    load = BlockLoader.load_state_dict

    def load_next(self: BlockLoader, state: dict[str, int]) -> None:
        load(self, state | {"position": state["position"] + 1})

    BlockLoader.load_state_dict = load_next


def _order_from_a_global_generator() -> None:
    data_module.shuffled = lambda num_samples, seed: lambda epoch: np.random.permutation(num_samples)


def _step_counted_from_the_resume() -> None:
    """Dropout and deformations are drawn from it: it is the state of what is a generator elsewhere."""
    take, first = Engine.run, list[int]()

    def run(self: Engine, *args: Any) -> Tensor:
        *others, step = args
        first.append(step)
        return take(self, *others, step - first[0])

    Engine.run = run


def _no_fsync() -> None:
    os.fsync = lambda descriptor: None


def _metrics_not_on_the_disk() -> None:
    MetricsLog.save = lambda self: None


def _direct_write() -> None:
    def write(path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content)

    checkpoint.write_durably = write


FAULTS: dict[str, Callable[[], None]] = {
    "momentum is not restored": _momentum_not_restored,
    "the position in the epoch is off by one": _position_off_by_one,
    "the order comes from a global generator": _order_from_a_global_generator,
    "steps are counted from the resume": _step_counted_from_the_resume,
    "no fsync": _no_fsync,
    "a save does not wait for the metrics": _metrics_not_on_the_disk,
    "a checkpoint is written where it stands": _direct_write,
}
