"""Torchnet's bare loop."""

import torch

import torchnet
from benchmarks.peers import Laps
from benchmarks.task import LR, SIZES, Task
from benchmarks.torch_weights import load_weights, weights_of
from benchmarks.torchnet_loop import torchnet_loop


def train(task: Task, laps: Laps) -> None:
    """Train one epoch a lap."""
    net = torchnet.MLP(SIZES)
    load_weights(net, task.weights())
    run = torchnet_loop(net, torch.from_numpy(task.train_images), torch.from_numpy(task.train_labels), LR)
    for epoch in laps(lambda: weights_of(net)):
        run(torch.from_numpy(task.batches(epoch)))
