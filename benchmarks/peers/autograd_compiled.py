"""Autograd under torch.compile; it compiles before the first epoch."""

import torch

from benchmarks.autograd_loop import autograd_loop, build_network
from benchmarks.comparison.task import LR, SIZES, Task
from benchmarks.comparison.torch_weights import load_weights, weights_of
from benchmarks.peers import TimedEpochs


def train(task: Task, timed_epochs: TimedEpochs) -> None:
    """Compile, then train epoch by epoch."""
    net = build_network(SIZES)
    images, labels = torch.from_numpy(task.train_images), torch.from_numpy(task.train_labels)
    run = autograd_loop(net, images, labels, LR, compiled=True)
    run(torch.from_numpy(task.batches(0)[:3]))  # the first call compiles; the next line undoes its steps
    load_weights(net, task.weights())
    for epoch in timed_epochs(lambda: weights_of(net)):
        run(torch.from_numpy(task.batches(epoch)))
