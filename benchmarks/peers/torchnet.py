"""Torchnet's loop in its default way: fused."""

import torch

import torchnet
from benchmarks.comparison.task import LR, SIZES, Task
from benchmarks.comparison.torch_weights import load_weights, weights_of
from benchmarks.peers import TimedEpochs
from benchmarks.torchnet_loop import torchnet_loop


def train(task: Task, timed_epochs: TimedEpochs, way: str = "fused", matmul_dtype: torch.dtype | None = None) -> None:
    """Train epoch by epoch."""
    net = torchnet.MLP(SIZES, matmul_dtype=matmul_dtype)
    load_weights(net, task.weights())
    images, labels = torch.from_numpy(task.train_images), torch.from_numpy(task.train_labels)
    run = torchnet_loop(net, images, labels, LR, way)
    for epoch in timed_epochs(lambda: weights_of(net)):
        run(torch.from_numpy(task.batches(epoch)))
