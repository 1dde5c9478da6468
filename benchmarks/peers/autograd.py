"""Autograd with torch.nn and torch.optim, step for step what torchnet's loop does."""

import torch

from benchmarks.autograd_loop import autograd_loop, build_network
from benchmarks.peers import Laps
from benchmarks.task import LR, SIZES, Task
from benchmarks.torch_weights import load_weights, weights_of


def train(task: Task, laps: Laps) -> None:
    """Train one epoch a lap."""
    net = build_network(SIZES)
    load_weights(net, task.weights())
    run = autograd_loop(net, torch.from_numpy(task.train_images), torch.from_numpy(task.train_labels), LR)
    for epoch in laps(lambda: weights_of(net)):
        run(torch.from_numpy(task.batches(epoch)))
