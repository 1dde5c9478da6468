"""Operators whose mistakes are invisible at the given inputs: they show at other values, shapes or strides."""

import torch
from torch.autograd import Function

from .catalog import define, normal, slip


class ChannelScale(Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.save_for_backward(x, scale)
        return x * scale

    @staticmethod
    def backward(ctx, grad):
        x, scale = ctx.saved_tensors
        return grad * scale, (grad * x).sum(0)


define(
    "scale that starts at one",
    ChannelScale,
    lambda: (normal(5, 4), torch.ones(4, dtype=torch.float64)),
    slip(
        "the scale is forgotten",
        "return grad * scale",
        "return grad",
        "x",
        r"scale\b|other values|jitter",
        shows_at=lambda: (normal(5, 4), normal(4)),
    ),
    slip("averaged over the batch", "(grad * x).sum(0)", "(grad * x).mean(0)", "scale", "factor|times", r"mean\b"),
)


class LeakyRelu(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x > 0, x, 0.1 * x)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return torch.where(x > 0, grad, 0.1 * grad)


define(
    "leaky ReLU of positive inputs",
    LeakyRelu,
    lambda: (normal(4, 5).abs() + 0.1,),
    slip(
        "the sign is reversed at negative values",
        "grad, 0.1 * grad)",
        "grad, -0.1 * grad)",
        "x",
        "negative|x <|sign|where x",
        shows_at=lambda: (normal(4, 5),),
    ),
)


class BlockedNormalization(Function):
    """Divide by the sum of each row, which is summed in blocks of 4 as a kernel does."""

    @staticmethod
    def forward(ctx, x):
        total = x.square().sum(1, keepdim=True) + 1
        ctx.save_for_backward(x, total)
        return x / total

    @staticmethod
    def backward(ctx, grad):
        x, total = ctx.saved_tensors
        along = torch.zeros_like(total)
        for start in range(0, x.shape[1], 4):
            along += (grad * x)[:, start : start + 4].sum(1, keepdim=True)
        return grad / total - 2 * x * along / total**2


define(
    "row sums in blocks of 4",
    BlockedNormalization,
    lambda: (normal(3, 8),),
    slip(
        "the tail block is dropped",
        "range(0, x.shape[1], 4)",
        "range(0, x.shape[1] // 4 * 4, 4)",
        "x",
        r"\(\d+, \d+\)|odd|length|tail|block",
        shows_at=lambda: (normal(3, 7),),
    ),
    slip("the last block is dropped", "range(0, x.shape[1], 4)", "range(0, x.shape[1] - 4, 4)", "x", "path|term|block"),
)


def flattened_linear(x, weight):
    return (x.reshape(-1, x.shape[-1]) @ weight.T).reshape(*x.shape[:-1], -1)


def flattened_linear_backward(grad, x, weight):
    flat = grad.reshape(-1, grad.shape[-1])
    return (flat @ weight).reshape(x.shape), flat.T @ x.reshape(-1, x.shape[-1])


define(
    "linear layer over flattened positions",
    (flattened_linear, flattened_linear_backward),
    lambda: (normal(2, 3, 4), normal(5, 4)),
    slip(
        "grad_output has to be contiguous",
        "flat = grad.reshape(",
        "flat = grad.view(",
        "",
        "contiguous|stride|transposed in memory|view|layout",
    ),
    slip(
        "only the first sample",
        "return (flat @ weight)",
        "return (flat[:1] @ weight).expand(len(flat), -1)",
        "x",
        "rows|indices 1|slices|path",
    ),
)


class Center(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.count = len(x)
        return x - x.mean(0)

    @staticmethod
    def backward(ctx, grad):
        return grad - grad.sum(0) / ctx.count


define(
    "centered batch",
    Center,
    lambda: (normal(6, 3),),
    slip(
        "the batch size is a constant",
        "/ ctx.count",
        "/ 6",
        "x",
        r"N = \d|batch|first dimension|\(\d, 3\)",
        shows_at=lambda: (normal(4, 3),),
    ),
    slip("the mean is held constant", " - grad.sum(0) / ctx.count", "", "x", "path", r"mean\b"),
)
