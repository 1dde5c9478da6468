"""Compare layers that each process a shard of a mini-batch with autograd of torch.nn on the whole mini-batch.

Threads take the role of processes here.
"""

import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor

from torchnet import BatchNorm1d, BatchNorm2d, Dropout, Dropout2d, Layer
from torchnet.layers import step_known
from torchnet.replicas import Replicas, Share

from .test_layers import random
from .test_norms import both
from .twins import norm_twin, randomized

INPUTS = {"random": (1.0, 0.0), "far from zero": (1.0, 100.0), "large": (1e4, 0.0)}


class Thread(Replicas):
    """One of several threads in the role of processes.

    Args:
        rank: the number of this thread.
        board: a list with the tensor of each thread, to exchange them.
        barrier: the barrier of all threads.
    """

    def __init__(self, rank: int, board: list[Any], barrier: threading.Barrier) -> None:
        self.rank, self.size, self.board, self.barrier = rank, len(board), board, barrier

    def gather(self, tensor: Tensor) -> Tensor:
        self.board[self.rank] = tensor.clone()
        self.barrier.wait()
        gathered = torch.stack(self.board)
        self.barrier.wait()
        return gathered

    def sum(self, tensor: Tensor) -> Tensor:
        return tensor.copy_(self.gather(tensor).sum(dim=0))


def in_threads(size: int, function: Callable[[Replicas], Any]) -> list[Any]:
    """Call the function in `size` threads and return the results."""
    barrier, board = threading.Barrier(size, timeout=20), [None] * size

    def call(rank: int) -> Any:
        try:
            return function(Thread(rank, board, barrier))
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(call, range(size)))


def step(layer: Layer, x: Tensor, grad_output: Tensor) -> Callable[[Replicas], dict[str, Tensor]]:
    def take(replicas: Replicas) -> dict[str, Tensor]:
        own, share = copy.deepcopy(layer), replicas.share(len(x))
        with step_known(own, torch.tensor(0), share):
            y = own(x[share.rows])
            grad_input = own.backward(grad_output[share.rows])
        assert own.share is own.step_counter is None
        grads = {name: weight.grad for name, weight in own.named_parameters()}
        return {"output": y, "input": grad_input, **grads, **dict(own.named_buffers())}

    return take


@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("numbers", INPUTS)
@pytest.mark.parametrize("momentum", [0.3, None])
@pytest.mark.parametrize(
    ("kind", "shape"), [(BatchNorm1d, (11, 5)), (BatchNorm1d, (5, 5, 4)), (BatchNorm2d, (7, 5, 2, 3))]
)
def test_batch_norm_sees_the_whole_mini_batch(size, numbers, momentum, kind, shape, expect_equal):
    scale, offset = INPUTS[numbers]
    x, grad_output = scale * random(*shape) + offset, random(*shape, seed=1) + 0.5
    layer = randomized(kind(5, eps=0.02, momentum=momentum, dtype=torch.float64))
    found = in_threads(size, step(layer, x, grad_output))
    _, expected = both(layer, norm_twin(layer), x, grad_output)
    tolerance = 1e-12 if offset == 0 else 1e-11
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        for process in found:
            expect_equal(name, process[name].double(), expected[name].double(), "torch.nn on the whole", tolerance)
    for name, combine in {"output": torch.cat, "input": torch.cat, "weight": sum, "bias": sum}.items():
        combined = combine([process[name] for process in found])
        expect_equal(name, combined, expected[name], "torch.nn and autograd on the whole", tolerance)


def test_the_gradient_of_the_input_has_no_mean_however_far_from_zero_the_input_is():
    x = random(40, 40)
    found = in_threads(3, step(BatchNorm1d(40, eps=0.02), (1000 + 1e-2 * x).float(), x.float()))
    grad_input = torch.cat([process["input"] for process in found])
    assert (grad_input.mean(dim=0).abs() <= 1e-6 * grad_input.abs().amax(dim=0)).all()


@pytest.mark.parametrize("samples", [1, 2])
def test_each_process_may_have_all_of_a_small_mini_batch(samples, expect_equal):
    x, grad_output = random(samples, 5, 2, 3), random(samples, 5, 2, 3, seed=1)
    layer = randomized(BatchNorm2d(5, affine=False, dtype=torch.float64))
    found = in_threads(3, step(layer, x, grad_output / 3))  # the loss is divided among the copies
    _, expected = both(layer, norm_twin(layer), x, grad_output)
    for process in found:
        expect_equal("output", process["output"], expected["output"], "torch.nn on the whole")
        expect_equal("running_var", process["running_var"], expected["running_var"], "torch.nn on the whole")


def test_batch_norm_refuses_a_mini_batch_of_one_sample_but_accepts_shards_of_one():
    x = random(3, 4)
    in_threads(3, step(BatchNorm1d(4, dtype=torch.float64), x, x))
    with pytest.raises(ValueError, match="expected at least two values per channel in training mode, got 1"):
        in_threads(2, step(BatchNorm1d(4, dtype=torch.float64), x[:1], x[:1]))


@pytest.mark.parametrize(
    ("kind", "shape"), [(Dropout, (11, 6)), (Dropout, (11, 2, 3)), (Dropout2d, (11, 6, 2, 3)), (Dropout2d, (11, 6, 2))]
)
def test_shards_of_dropout_have_the_mask_of_the_whole(kind, shape):
    x, grad_output = random(*shape), random(*shape, seed=1)
    layer = kind(0.4, seed=5, stream=2)
    found = in_threads(3, step(layer, x, grad_output))
    assert torch.equal(torch.cat([process["output"] for process in found]), layer(x))
    assert torch.equal(torch.cat([process["input"] for process in found]), layer.backward(grad_output))


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("samples", [1, 2, 6, 7, 8, 100])
def test_shards_cover_all_rows_once_and_are_nearly_equal_or_whole(size, samples):
    shares: list[Share] = in_threads(size, lambda replicas: replicas.share(samples))
    if samples < size:
        assert all((share.rows, share.copies) == (slice(0, samples), size) for share in shares)
        return
    rows = [row for share in shares for row in range(samples)[share.rows]]
    assert rows == list(range(samples))
    lengths = {share.stop - share.start for share in shares}
    assert max(lengths) - min(lengths) <= 1
    assert all(share.copies == 1 for share in shares)
