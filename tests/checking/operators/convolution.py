"""Convolutions."""

import torch
from torch.autograd import Function
from torch.nn.functional import fold, pad, unfold

from .catalog import define, normal, slip


class Conv1d(Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return torch.einsum("nclk,ock->nol", x.unfold(2, weight.shape[2], 1), weight)

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        size, length = weight.shape[2], grad.shape[2]
        grad_x = torch.zeros_like(x)
        for k in range(size):
            grad_x[:, :, k : k + length] += torch.einsum("nol,oc->ncl", grad, weight[:, :, k])
        return grad_x, torch.einsum("nol,nclk->ock", grad, x.unfold(2, size, 1))


define(
    "1d convolution by im2col",
    Conv1d,
    lambda: (normal(2, 3, 8), normal(4, 3, 3)),
    slip("the kernel is flipped", "weight[:, :, k])", "weight[:, :, size - 1 - k])", "x", "flip|revers"),
    slip("the last tap is dropped", "range(size)", "range(size - 1)", "x", "tap|path|edge|ind(ex|ices) 7|last"),
    slip("overlaps are overwritten", "+= torch", "= torch", "x", "overwrit|overlap|added|path|all but"),
)


def conv2d(x, weight):
    columns = unfold(x, weight.shape[2:], padding=1, stride=2)
    side = (x.shape[2] - 1) // 2 + 1
    return (weight.flatten(1) @ columns).unflatten(2, (side, -1))


def conv2d_backward(grad, x, weight):
    columns, grad = unfold(x, weight.shape[2:], padding=1, stride=2), grad.flatten(2)
    grad_weight = torch.einsum("nol,nkl->ok", grad, columns).view_as(weight)
    grad_columns = weight.flatten(1).T @ grad
    return fold(grad_columns, x.shape[2:], weight.shape[2:], padding=1, stride=2), grad_weight


define(
    "2d convolution with stride and padding",
    (conv2d, conv2d_backward),
    lambda: (normal(2, 2, 5, 5), normal(3, 2, 3, 3)),
    slip(
        "the kernel is transposed",
        "grad_columns = weight.flatten(1)",
        "grad_columns = weight.mT.flatten(1)",
        "x",
        "transpos|permut",
    ),
    slip(
        "only the first sample",
        '"nol,nkl->ok", grad, columns)',
        '"nol,nkl->ok", grad[:1], columns[:1])',
        "weight",
        "sample|batch",
        "missing path",
    ),
)


class TransposedConv(Function):
    @staticmethod
    def forward(ctx, x, weight, stride):
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        y = x.new_zeros(len(x), weight.shape[1], (x.shape[2] - 1) * stride + weight.shape[2])
        for k in range(weight.shape[2]):
            y[:, :, k : k + (x.shape[2] - 1) * stride + 1 : stride] += torch.einsum("ncl,co->nol", x, weight[:, :, k])
        return y

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        windows = grad.unfold(2, weight.shape[2], ctx.stride)
        return torch.einsum("nolk,cok->ncl", windows, weight), torch.einsum("nolk,ncl->cok", windows, x), None


define(
    "transposed convolution",
    TransposedConv,
    lambda: (normal(2, 3, 4), normal(3, 3, 3), 2),
    slip("channels exchanged in the weight", "ncl->cok", "ncl->ock", "weight", "transpos|permut|axes"),
    slip("the kernel is flipped", "windows, weight)", "windows, weight.flip(2))", "x", "flip|revers"),
)


def depthwise(x, weight):
    padded = pad(x, (weight.shape[1] - 1, 0))
    return torch.einsum("nclk,ck->ncl", padded.unfold(2, weight.shape[1], 1), weight)


def depthwise_backward(grad, x, weight):
    size = weight.shape[1]
    windows = pad(grad, (0, size - 1)).unfold(2, size, 1)
    grad_x = torch.einsum("nclk,ck->ncl", windows, weight.flip(1))
    return grad_x, torch.einsum("ncl,nclk->ck", grad, pad(x, (size - 1, 0)).unfold(2, size, 1))


define(
    "causal depthwise convolution",
    (depthwise, depthwise_backward),
    lambda: (normal(2, 3, 7), normal(3, 3)),
    slip("the weight is not flipped", "weight.flip(1)", "weight", "x", "flip|revers"),
    slip(
        "off by one step",
        "pad(grad, (0, size - 1))",
        "pad(grad, (1, size - 2))",
        "x",
        "shift|roll|off by one|moved",
    ),
)
