"""Autograd under torch.compile; what compiling takes is in the time before the first lap."""

import torch

from benchmarks.autograd_loop import autograd_loop, build_network
from benchmarks.peers import Laps
from benchmarks.task import LR, SIZES, Task
from benchmarks.torch_weights import load_weights, weights_of


def train(task: Task, laps: Laps) -> None:
    """Compile, then train one epoch a lap."""
    net = build_network(SIZES)
    images, labels = torch.from_numpy(task.train_images), torch.from_numpy(task.train_labels)
    run = autograd_loop(net, images, labels, LR, compiled=True)
    run(torch.from_numpy(task.batches(0)[:3]))  # it compiles on the first call; the steps are undone by the next line
    load_weights(net, task.weights())
    for epoch in laps(lambda: weights_of(net)):
        run(torch.from_numpy(task.batches(epoch)))
