"""Write the task: MNIST, and the initial weights and sample orders that `python train.py` uses for a seed."""

from pathlib import Path

import numpy as np
import torch

import torchnet
from benchmarks.comparison.task import SIZES, Task
from torchnet.data import Preparation, load, prepare
from torchnet.data.order import shuffled


def prepare_task(folder: Path, epochs: int, seed: int) -> None:
    """Write the task to a folder."""
    train, test = (prepare(load("mnist"), Preparation()).parts[split] for split in ("train", "test"))
    order = shuffled(len(train.rows), seed)
    net = torchnet.MLP(SIZES, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)
    Task(
        train_images=train.inputs[train.rows].reshape(-1, SIZES[0]),
        train_labels=train.targets[train.rows],
        test_images=test.inputs[test.rows].reshape(-1, SIZES[0]).astype(np.float32) / 255,
        test_labels=test.targets[test.rows],
        orders=np.stack([order(epoch) for epoch in range(epochs)]),
        initial_weights=torch.cat([weight.flatten() for weight in net.parameters()]).numpy(),
        seed=np.array(seed),
    ).save(folder)
