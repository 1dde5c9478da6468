"""Softmax and its kin."""

import torch
from torch.autograd import Function

from .catalog import define, normal, slip


class Softmax(Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.softmax(x, 1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return y * (grad - (grad * y).sum(1, keepdim=True))


define(
    "softmax",
    Softmax,
    lambda: (normal(4, 5),),
    slip("the path through the sum is missing", " - (grad * y).sum(1, keepdim=True)", "", "x", "path|term", "sum"),
    slip("summed over the batch", ".sum(1, keepdim=True)", ".sum(0, keepdim=True)", "x", "axis", "batch"),
)


class TemperedSoftmax(Function):
    @staticmethod
    def forward(ctx, x, temperature):
        y = torch.softmax(x / temperature, -1)
        ctx.save_for_backward(y)
        ctx.temperature = temperature
        return y

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return y * (grad - (grad * y).sum(-1, keepdim=True)) / ctx.temperature, None


define(
    "softmax with a temperature",
    TemperedSoftmax,
    lambda: (normal(3, 5),),
    slip("the temperature is forgotten", " / ctx.temperature, None", ", None", "x", "factor|times", "temperature"),
    slip("multiplied by the temperature", " / ctx.temperature, None", " * ctx.temperature, None", "x", "factor|times"),
    form="callable",
    wrap=lambda softmax: lambda x: softmax.apply(x, 0.5),
)


class LogSoftmax(Function):
    @staticmethod
    def forward(ctx, x):
        y = x - torch.logsumexp(x, 1, keepdim=True)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad - y.exp() * grad.sum(1, keepdim=True)


define(
    "log-softmax",
    LogSoftmax,
    lambda: (normal(4, 5),),
    slip(
        "the gradient is taken for one-hot",
        "y.exp() * grad.sum(1, keepdim=True)",
        "y.exp()",
        "x",
        "grad_output|upstream",
    ),
    slip("exp is forgotten", "y.exp()", "y", "x", "exp|output"),
)


def logsumexp(x):
    return torch.logsumexp(x, 1)


def logsumexp_backward(grad, x):
    return grad[:, None] * torch.softmax(x, 1)


define(
    "logsumexp",
    (logsumexp, logsumexp_backward),
    lambda: (normal(4, 4),),
    slip("broadcast along the wrong axis", "grad[:, None]", "grad", "x", "axis|broadcast|transpos"),
    slip("softmax over the wrong axis", "torch.softmax(x, 1)", "torch.softmax(x, 0)", "x", "axis"),
)
