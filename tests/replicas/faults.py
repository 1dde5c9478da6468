"""Mistakes in training together, each planted for as long as a context lasts."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

import torch.distributed as dist
from torch import Tensor

from torchnet import step
from torchnet.engine import Engine
from torchnet.engine.engine import _Block
from torchnet.layers import BatchNorm1d, Dropout
from torchnet.replicas import GradientSum, Replicas, Share

_send, _run, _init = GradientSum._send, Engine.run, GradientSum.__init__


def _own(block: _Block, indices: Tensor) -> Tensor:
    return indices if block.share is None else indices[block.share.rows]


def reduction_left_out() -> Any:
    def send(self: GradientSum) -> None:
        self.sent += 1

    return patch.object(GradientSum, "_send", send)


def mean_in_place_of_sum() -> Any:
    def send(self: GradientSum) -> None:
        for weight in self.buckets[self.sent]:
            weight.grad = None if weight.grad is None else weight.grad / self.replicas.size
        _send(self)

    return patch.object(GradientSum, "_send", send)


def sum_in_place_of_mean() -> Any:
    """Each process divides by the number of its own samples."""
    return patch.object(_Block, "_divisor", lambda self, indices: len(_own(self, indices)))


def last_batch_unweighted() -> Any:
    """The mean of the means of the processes, whatever their numbers of samples."""
    return patch.object(_Block, "_divisor", lambda self, indices: len(_own(self, indices)) * self.engine.replicas.size)


def one_layer_not_reduced() -> Any:
    def init(self: GradientSum, *args: Any) -> None:
        _init(self, *args)
        self.buckets[-1].pop()  # the weight of the first layer

    return patch.object(GradientSum, "__init__", init)


def another_order_in_each_process() -> Any:
    def run(self: Engine, indices: Tensor, *args: Any, **options: Any) -> Tensor:
        return _run(self, indices.roll(dist.get_rank()), *args, **options)

    return patch.object(Engine, "run", run)


def sent_before_it_is_written() -> Any:
    """A layer's gradients are taken for written one layer too soon: those of the step before are sent."""

    def add(self: GradientSum, layer: Any) -> None:
        self.written.update(*self.buckets)
        while self.sent < len(self.buckets):
            self._send()

    return patch.object(GradientSum, "add", add)


def update_before_the_sum_is_there() -> Any:
    return patch.object(GradientSum, "finish", lambda self: None)


@contextmanager
def _alone(layer: type) -> Iterator[None]:
    """Layers of a kind do not know that there is more to a mini-batch than they see."""
    alone = property(lambda self: None, lambda self, share: None)
    with patch.object(layer, "share", alone, create=True):
        yield


def statistics_of_each_process() -> Any:
    return _alone(BatchNorm1d)


def same_mask_in_each_process() -> Any:
    return _alone(Dropout)


def same_deformation_in_each_process() -> Any:
    prepare = step.prepare_images
    return patch.object(
        step, "prepare_images", lambda recipe, indices, dtype, step, start=0: prepare(recipe, indices, dtype, step)
    )


def means_pooled_unweighted() -> Any:
    def pool(self: Share, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        means, variances = self.replicas.gather(mean), self.replicas.gather(var)
        return means.mean(dim=0), (variances + (means - means.mean(dim=0)).square()).mean(dim=0)

    return patch.object(Share, "pool", pool)


def variance_of_means_left_out() -> Any:
    pool = Share.pool
    return patch.object(Share, "pool", lambda self, mean, var: (pool(self, mean, var)[0], pool(self, 0 * mean, var)[1]))


def own_part_of_the_loss() -> Any:
    total = Replicas.sum
    return patch.object(Replicas, "sum", lambda self, tensor: tensor if tensor.dim() == 1 else total(self, tensor))


def own_weight_of_classes() -> Any:
    def divisor(self: _Block, indices: Tensor) -> Any:
        return self.engine.normalizer(self.recipe.targets.index_select(0, _own(self, indices)))

    return patch.object(_Block, "_divisor", divisor)


def whole_batches_counted_twice() -> Any:
    return patch.object(Share, "copies", 1)


FAULTS: dict[str, tuple[str, Callable[[], AbstractContextManager[Any]]]] = {
    fault.__name__.replace("_", " "): (recipe, fault)
    for recipe, fault in (
        ("momentum", reduction_left_out),
        ("momentum", mean_in_place_of_sum),
        ("momentum", sum_in_place_of_mean),
        ("momentum", last_batch_unweighted),
        ("momentum", one_layer_not_reduced),
        ("momentum", another_order_in_each_process),
        ("momentum", sent_before_it_is_written),
        ("momentum", update_before_the_sum_is_there),
        ("momentum", own_part_of_the_loss),
        ("batch norm and dropout", statistics_of_each_process),
        ("batch norm and dropout", same_mask_in_each_process),
        ("batch norm and dropout", means_pooled_unweighted),
        ("batch norm and dropout", variance_of_means_left_out),
        ("deformed", same_deformation_in_each_process),
        ("weighted classes, smoothed", own_weight_of_classes),
        ("momentum", whole_batches_counted_twice),
    )
}
