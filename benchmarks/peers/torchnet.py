"""Torchnet's bare loop: its engine, and nothing around it."""

import torch

import torchnet
from benchmarks.peers import Laps
from benchmarks.task import BATCH, LR, SIZES, Task
from benchmarks.torch_weights import load_weights, weights_of
from torchnet.engine.engine import Engine


def train(task: Task, laps: Laps, matmul_dtype: torch.dtype | None = None) -> None:
    """Train one epoch a lap."""
    net = torchnet.MLP(SIZES, matmul_dtype=matmul_dtype)
    load_weights(net, task.weights())
    optimizer = torchnet.SGD(net.parameters(), lr=LR)
    images, labels = torch.from_numpy(task.train_images), torch.from_numpy(task.train_labels)
    engine = Engine(net, torchnet.cross_entropy, optimizer, images, labels)
    for epoch in laps(lambda: weights_of(net)):
        engine.run(torch.from_numpy(task.orders[epoch]), BATCH)
