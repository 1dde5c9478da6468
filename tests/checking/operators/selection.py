"""Operators that sort or select."""

import torch
from torch.autograd import Function

from .catalog import define, normal, slip


class TopKGate(Function):
    @staticmethod
    def forward(ctx, logits, k):
        chosen = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, logits.topk(k, 1).indices, True)
        gates = torch.softmax(logits.masked_fill(~chosen, -torch.inf), 1)
        ctx.save_for_backward(logits, gates)
        return gates

    @staticmethod
    def backward(ctx, grad):
        _, gates = ctx.saved_tensors
        return gates * (grad - (grad * gates).sum(1, keepdim=True)), None


define(
    "top-k gate of experts",
    TopKGate,
    lambda: (normal(4, 6), 2),
    slip(
        "softmax over all experts",
        "_, gates = ctx.saved_tensors",
        "gates = torch.softmax(ctx.saved_tensors[0], 1)",
        "logits",
        "should be 0|zero|chosen",
    ),
    slip("the sum is missing", " - (grad * gates).sum(1, keepdim=True)", "", "logits", "path|term", "sum|softmax"),
)


class Sort(Function):
    @staticmethod
    def forward(ctx, x):
        values, order = x.sort(1)
        ctx.save_for_backward(order)
        return values

    @staticmethod
    def backward(ctx, grad):
        (order,) = ctx.saved_tensors
        return torch.zeros_like(grad).scatter(1, order, grad)


define(
    "sort",
    Sort,
    lambda: (normal(3, 6),),
    slip(
        "the order is not inverted",
        "torch.zeros_like(grad).scatter(1, order, grad)",
        "grad.gather(1, order)",
        "x",
        "permut|order|sort",
    ),
    slip(
        "the gradient stays sorted",
        "torch.zeros_like(grad).scatter(1, order, grad)",
        "grad.clone()",
        "x",
        "permut|order|sort|grad_output",
    ),
)


class Quantile(Function):
    @staticmethod
    def forward(ctx, x, q):
        values, order = x.sort(1)
        position = q * (x.shape[1] - 1)
        low = int(position)
        ctx.save_for_backward(x, order[:, low], order[:, low + 1])
        ctx.part = position - low
        return (1 - ctx.part) * values[:, low] + ctx.part * values[:, low + 1]

    @staticmethod
    def backward(ctx, grad):
        x, low, high = ctx.saved_tensors
        grad_x, rows = torch.zeros_like(x), torch.arange(len(x))
        grad_x[rows, low] = (1 - ctx.part) * grad
        grad_x[rows, high] = ctx.part * grad
        return grad_x, None


define(
    "quantile",
    Quantile,
    lambda: (normal(4, 6), 0.25),
    slip(
        "the parts are exchanged",
        "(1 - ctx.part) * grad\n        grad_x[rows, high] = ctx.part",
        "ctx.part * grad\n        grad_x[rows, high] = (1 - ctx.part)",
        "x",
        "exchang|swap|permut|moved",
    ),
    slip("only the lower neighbor", "= ctx.part * grad", "= 0", "x", "path|zero|is 0,"),
)
