"""Torchnet's loop: only its engine, without the Trainer."""

import torch

import torchnet
from benchmarks.comparison.task import BATCH, LR, SIZES, Task
from benchmarks.comparison.torch_weights import load_weights, weights_of
from benchmarks.peers import TimedEpochs
from torchnet.engine import Engine


def train(task: Task, timed_epochs: TimedEpochs, matmul_dtype: torch.dtype | None = None) -> None:
    """Train epoch by epoch."""
    net = torchnet.MLP(SIZES, matmul_dtype=matmul_dtype)
    load_weights(net, task.weights())
    optimizer = torchnet.SGD(net.parameters(), lr=LR)
    images, labels = torch.from_numpy(task.train_images), torch.from_numpy(task.train_labels)
    engine = Engine(net, torchnet.cross_entropy, optimizer, images, labels)
    for epoch in timed_epochs(lambda: weights_of(net)):
        engine.run(torch.from_numpy(task.orders[epoch]), BATCH)
