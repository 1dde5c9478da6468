"""Autograd with torch.nn and torch.optim, taking the same steps as torchnet's loop."""

import torch

from benchmarks.autograd_loop import autograd_loop, build_network
from benchmarks.comparison.task import LR, SIZES, Task
from benchmarks.comparison.torch_weights import load_weights, weights_of
from benchmarks.peers import TimedEpochs


def train(task: Task, timed_epochs: TimedEpochs) -> None:
    """Train epoch by epoch."""
    net = build_network(SIZES)
    load_weights(net, task.weights())
    run = autograd_loop(net, torch.from_numpy(task.train_images), torch.from_numpy(task.train_labels), LR)
    for epoch in timed_epochs(lambda: weights_of(net)):
        run(torch.from_numpy(task.batches(epoch)))
