"""Operators that read or write rows by an index."""

import torch
from torch.autograd import Function

from .catalog import define, ints, normal, slip


class Embedding(Function):
    @staticmethod
    def forward(ctx, weight, ids):
        ctx.save_for_backward(weight, ids)
        return weight[ids]

    @staticmethod
    def backward(ctx, grad):
        weight, ids = ctx.saved_tensors
        return torch.zeros_like(weight).index_add_(0, ids, grad), None


define(
    "embedding with repeated ids",
    Embedding,
    lambda: (normal(6, 3), ints(1, 4, 3, 1, 3, 0)),
    slip("repeated ids are overwritten", ".index_add_(", ".index_copy_(", "weight", "rows? 1", "indices 1", "repeated"),
    slip(
        "averaged over repeated ids",
        ".index_add_(0, ids, grad)",
        ".index_add_(0, ids, grad / ids.bincount(minlength=6)[ids][:, None])",
        "weight",
        "rows? 1",
        "indices 1",
        "repeated",
    ),
)


class PaddedEmbedding(Function):
    @staticmethod
    def forward(ctx, weight, ids, padding_idx):
        ctx.save_for_backward(weight, ids)
        ctx.padding_idx = padding_idx
        return weight[ids] * (ids != padding_idx)[..., None]

    @staticmethod
    def backward(ctx, grad):
        weight, ids = ctx.saved_tensors
        grad_weight = torch.zeros_like(weight)
        grad_weight.index_add_(0, ids.flatten(), grad.flatten(0, 1))
        grad_weight[ctx.padding_idx] = 0
        return grad_weight, None, None


define(
    "embedding with padding",
    PaddedEmbedding,
    lambda: (normal(5, 3), torch.tensor([[1, 2, 0], [4, 0, 0]]), 0),
    slip(
        "padding gets a gradient",
        "grad_weight[ctx.padding_idx] = 0",
        "pass",
        "weight",
        "padding",
        r"(row|index) 0|\(0, ",
    ),
    slip(
        "all rows but padding are cleared up to it",
        "grad_weight[ctx.padding_idx] = 0",
        "grad_weight[: ctx.padding_idx + 2] = 0",
        "weight",
        r"(row|index) 1|\(1, ",
    ),
)


def gather(x, index):
    return x.gather(1, index)


def gather_backward(grad, x, index):
    return torch.zeros_like(x).scatter_add_(1, index, grad), None


define(
    "gather",
    (gather, gather_backward),
    lambda: (normal(3, 5), torch.tensor([[0, 2, 2, 4], [1, 1, 1, 0], [3, 4, 0, 2]])),
    slip(
        "repeated indices are overwritten",
        "scatter_add_(",
        "scatter_(",
        "x",
        "repeated|overwrit|added",
        r"\(0, 2\)|\(1, 1\)",
    ),
)


class IndexAdd(Function):
    @staticmethod
    def forward(ctx, base, index, source):
        ctx.save_for_backward(index)
        return base.index_add(0, index, source)

    @staticmethod
    def backward(ctx, grad):
        (index,) = ctx.saved_tensors
        return grad, None, grad[index]


define(
    "index_add",
    IndexAdd,
    lambda: (normal(4, 3), ints(2, 0, 2, 3), normal(4, 3)),
    slip("grad_output is not indexed", "grad[index]", "grad", "source", "gradient of base|indexed|permut"),
    slip(
        "rows that are added to get none",
        "return grad, None",
        "return grad.index_fill(0, index, 0), None",
        "base",
        r"(rows?|indices) 0|all but|index\b",
    ),
    form="callable",
    wrap=lambda index_add: index_add.apply,
)


def segment_mean(x, segment, count):
    sums = x.new_zeros(count, x.shape[1]).index_add_(0, segment, x)
    return sums / segment.bincount(minlength=count)[:, None]


def segment_mean_backward(grad, x, segment, count):
    return (grad / segment.bincount(minlength=count)[:, None])[segment], None, None


define(
    "mean of segments",
    (segment_mean, segment_mean_backward),
    lambda: (normal(7, 3), ints(0, 0, 1, 2, 2, 2, 2), 3),
    slip(
        "divided by the number of segments",
        "segment.bincount(minlength=count)[:, None])[segment]",
        "count)[segment]",
        "x",
        "factor|rows|segment|count",
    ),
    slip(
        "sizes of segments are forgotten",
        "(grad / segment.bincount(minlength=count)[:, None])",
        "grad",
        "x",
        "factor|rows|segment|count",
    ),
)
