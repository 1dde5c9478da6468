"""Write the task: MNIST, and the initial weights and sample orders that `python train.py` uses for a seed."""

from pathlib import Path

import numpy as np
import torch

import torchnet
from benchmarks.comparison.task import SIZES, Task
from torchnet.data import load
from torchnet.data.order import shuffled


def prepare_task(folder: Path, epochs: int, seed: int) -> None:
    """Write the task to a folder."""
    data = load("mnist").by_label()
    order = shuffled(len(data.train_labels), seed)
    net = torchnet.MLP(SIZES, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)
    Task(
        train_images=data.train_images.reshape(-1, SIZES[0]),
        train_labels=data.train_labels,
        test_images=data.test_images.reshape(-1, SIZES[0]).astype(np.float32) / 255,
        test_labels=data.test_labels,
        orders=np.stack([order(epoch) for epoch in range(epochs)]),
        initial_weights=torch.cat([weight.flatten() for weight in net.parameters()]).numpy(),
        seed=np.array(seed),
    ).save(folder)
