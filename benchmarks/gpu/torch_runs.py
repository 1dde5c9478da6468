"""The implementations that use torch: torchnet in its three ways, and autograd."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

import torchnet
from benchmarks.autograd_loop import autograd_loop, build_network
from benchmarks.child_process import ChildError
from benchmarks.comparison.task import BATCH, LR, SIZES, STEPS, Task, Weights
from benchmarks.comparison.torch_weights import load_weights, weights_of
from benchmarks.gpu.autograd_graph import autograd_graph
from benchmarks.gpu.kernels import kernels_per_step, synchronize
from benchmarks.gpu.worker import Kernels
from benchmarks.torchnet_loop import torchnet_loop
from torchnet.engine.matmul_precision import unsupported


class TorchRun:
    """A network, and the loop that trains it: a function that takes one step per row of an order."""

    def __init__(self, net: nn.Sequential, loop: Callable[[Tensor], object], device: str) -> None:
        self.net, self.loop, self.device = net, loop, device

    def prepare(self, order: np.ndarray) -> Tensor:
        on_device = torch.from_numpy(order).to(self.device)
        synchronize(on_device)
        return on_device

    def train(self, order: Tensor) -> None:
        self.loop(order)
        synchronize(order)

    def weights(self) -> Weights:
        return weights_of(self.net)

    def kernels(self, order: Tensor) -> Kernels:
        return kernels_per_step(self.loop, order)


def build_torchnet(task: Task, device: str, way: str, matmul_dtype: str | None = None) -> TorchRun:
    """Build torchnet's loop.

    Args:
        task: the task.
        device: the device.
        way: "eager", "captured" or "fused".
        matmul_dtype: None, "tf32" or "bfloat16".

    Raises:
        ChildError: if this does not work here.
    """
    if device == "cuda" and (reason := unsupported(matmul_dtype, torch.device(device))) is not None:
        raise ChildError(reason)
    net = torchnet.MLP(SIZES, matmul_dtype=torch.bfloat16 if matmul_dtype == "bfloat16" else None)
    load_weights(net, task.weights())
    net.to(device)
    return TorchRun(net, torchnet_loop(net, *_data(task, device), LR, way, matmul_dtype == "tf32"), device)


def build_autograd(task: Task, device: str, how: str) -> TorchRun:
    """Build autograd's loop: "eager", "compiled" or "graph"."""
    net = build_network(SIZES)
    load_weights(net, task.weights())
    net.to(device)
    if how == "graph":
        return TorchRun(net, autograd_graph(net, *_data(task, device), LR, STEPS, BATCH), device)
    return TorchRun(net, autograd_loop(net, *_data(task, device), LR, how == "compiled"), device)


def _data(task: Task, device: str) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(task.train_images).to(device), torch.from_numpy(task.train_labels).to(device)
