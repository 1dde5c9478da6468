"""Pooling, interpolation and padding."""

import torch
from torch.autograd import Function

from .catalog import define, normal, slip


class MaxPool(Function):
    @staticmethod
    def forward(ctx, x, size, stride):
        values, offsets = x.unfold(2, size, stride).max(-1)
        ctx.save_for_backward(x, offsets + stride * torch.arange(values.shape[2]))
        return values

    @staticmethod
    def backward(ctx, grad):
        x, index = ctx.saved_tensors
        return torch.zeros_like(x).scatter_add_(2, index, grad), None, None


define(
    "max-pooling with overlap",
    MaxPool,
    lambda: (normal(2, 3, 9), 3, 1),
    slip(
        "overlaps are overwritten",
        "scatter_add_(",
        "scatter_(",
        "x",
        "overwrit|overlap|added|repeated|scatter|only (the )?(last|one)",
    ),
    slip(
        "the first element of each window",
        "offsets + stride",
        "0 * offsets + stride",
        "x",
        "permut|moved|offset|position",
    ),
)


class AvgPool(Function):
    @staticmethod
    def forward(ctx, x):
        assert x.shape[-1] % 2 == x.shape[-2] % 2 == 0
        return (x[..., 0::2, 0::2] + x[..., 1::2, 0::2] + x[..., 0::2, 1::2] + x[..., 1::2, 1::2]) / 4

    @staticmethod
    def backward(ctx, grad):
        return grad.repeat_interleave(2, -1).repeat_interleave(2, -2) / 4


define(
    "average pooling",
    AvgPool,
    lambda: (normal(2, 2, 4, 6),),
    slip("4 is forgotten", "repeat_interleave(2, -2) / 4", "repeat_interleave(2, -2)", "x", "factor|times", r"\b4\b"),
    slip(
        "tiled instead of repeated",
        "grad.repeat_interleave(2, -1)",
        "grad.repeat(1, 1, 1, 2)",
        "x",
        "permut|order|columns|moved",
    ),
)


def neighbors(length, scale):
    position = ((torch.arange(length * scale) + 0.5) / scale - 0.5).clamp(0, length - 1).double()
    low = position.floor().long()
    return low, (low + 1).clamp(max=length - 1), position - low


class Upsample(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.length = x.shape[1]
        low, high, part = neighbors(x.shape[1], 2)
        return (1 - part) * x[:, low] + part * x[:, high]

    @staticmethod
    def backward(ctx, grad):
        low, high, part = neighbors(ctx.length, 2)
        grad_x = grad.new_zeros(len(grad), ctx.length)
        return grad_x.index_add_(1, low, (1 - part) * grad).index_add_(1, high, part * grad)


define(
    "linear upsampling",
    Upsample,
    lambda: (normal(3, 5),),
    slip(
        "the parts are exchanged",
        "low, (1 - part) * grad).index_add_(1, high, part * grad)",
        "low, part * grad).index_add_(1, high, (1 - part) * grad)",
        "x",
        "exchang|swap|shift|moved|weights",
    ),
    slip(
        "repeated indices are overwritten",
        "grad_x.index_add_(",
        "grad_x.index_copy_(",
        "x",
        "overwrit|repeated|added|path",
    ),
)


class Interpolate(Function):
    @staticmethod
    def forward(ctx, table, position):
        assert len(table) > 1
        low = position.floor().long().clamp(0, len(table) - 2)
        part = position - low
        ctx.save_for_backward(table, low, part)
        return (1 - part) * table[low] + part * table[low + 1]

    @staticmethod
    def backward(ctx, grad):
        table, low, part = ctx.saved_tensors
        grad_table = torch.zeros_like(table)
        grad_table.index_add_(0, low, (1 - part) * grad).index_add_(0, low + 1, part * grad)
        return grad_table, grad * (table[low + 1] - table[low])


define(
    "interpolation in a table",
    Interpolate,
    lambda: (normal(6), torch.tensor([0.3, 2.6, 2.2, 4.7, 1.4], dtype=torch.float64)),
    slip(
        "repeated cells are overwritten",
        "grad_table.index_add_(0, low, (1 - part) * grad)",
        "grad_table.index_copy_(0, low, (1 - part) * grad)",
        "table",
        "overwrit|repeated|added",
        r"ind(ex|ices) 2|\(2,\)",
    ),
    slip("wrong sign", "(table[low + 1] - table[low])", "(table[low] - table[low + 1])", "position", "sign|opposite"),
)


def space_to_depth(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(n, 4 * c, h // 2, w // 2)


def space_to_depth_backward(grad, x):
    n, c, h, w = x.shape
    return grad.reshape(n, c, 2, 2, h // 2, w // 2).permute(0, 1, 4, 2, 5, 3).reshape(x.shape)


define(
    "space to depth",
    (space_to_depth, space_to_depth_backward),
    lambda: (normal(2, 1, 4, 4),),
    slip(
        "wrong order of the axes",
        "permute(0, 1, 4, 2, 5, 3)",
        "permute(0, 1, 4, 3, 5, 2)",
        "x",
        "permut|exchang|transpos|order",
    ),
)


def reflect(x):
    return torch.cat([x[:, 1:3].flip(1), x, x[:, -2:-1]], 1)


def reflect_backward(grad, x):
    grad_x = grad[:, 2:-1].clone()
    grad_x[:, 1:3] += grad[:, :2].flip(1)
    grad_x[:, -2] += grad[:, -1]
    return grad_x


define(
    "padding by reflection",
    (reflect, reflect_backward),
    lambda: (normal(3, 6),),
    slip(
        "the reflected part is not flipped",
        "grad[:, :2].flip(1)",
        "grad[:, :2]",
        "x",
        "flip|revers|exchang|(index|columns?|indices) .*1",
    ),
    slip(
        "the last column is forgotten",
        "grad_x[:, -2] += grad[:, -1]",
        "pass",
        "x",
        "(index|columns?|indices) 4",
        "missing path",
    ),
)
