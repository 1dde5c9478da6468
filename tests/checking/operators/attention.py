"""Attention, positions, gates, and everything that reads rows by an index."""

import torch
from torch.autograd import Function

from .catalog import define, normal, slip


class CausalAttention(Function):
    @staticmethod
    def forward(ctx, q, k, v):
        future = torch.ones(q.shape[1], q.shape[1], dtype=torch.bool).triu(1)
        p = torch.softmax((q @ k.mT / q.shape[2] ** 0.5).masked_fill(future, -torch.inf), -1)
        ctx.save_for_backward(q, k, v)
        return p @ v

    @staticmethod
    def backward(ctx, grad):
        q, k, v = ctx.saved_tensors
        hidden = torch.ones(q.shape[1], q.shape[1], dtype=torch.bool).triu(1)
        scores = q @ k.mT / q.shape[2] ** 0.5
        p = torch.softmax(scores.masked_fill(hidden, -torch.inf), -1)
        grad_p = grad @ v.mT
        grad_scores = p * (grad_p - (grad_p * p).sum(-1, keepdim=True)) / q.shape[2] ** 0.5
        return grad_scores @ k, grad_scores.mT @ q, p.mT @ grad


define(
    "causal attention",
    CausalAttention,
    lambda: (normal(2, 5, 3), normal(2, 5, 3), normal(2, 5, 3)),
    slip(
        "1 / sqrt(d) is forgotten",
        "keepdim=True)) / q.shape[2] ** 0.5",
        "keepdim=True))",
        "q k",
        "factor|times",
        "sqrt",
    ),
    slip(
        "the mask is not applied",
        "scores.masked_fill(hidden, -torch.inf)",
        "scores",
        "q k v",
        "mask|causal|future|triang",
    ),
    slip(
        "the sum in softmax is missing", " - (grad_p * p).sum(-1, keepdim=True)", "", "q k", "path|term", "sum|softmax"
    ),
)


def heads_of(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def multi_head(x, weight, heads=2):
    q, k, v = (heads_of(part, heads) for part in (x @ weight.T).chunk(3, -1))
    p = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1)
    return (p @ v).transpose(1, 2).flatten(2)


def multi_head_backward(grad, x, weight, heads=2):
    q, k, v = (heads_of(part, heads) for part in (x @ weight.T).chunk(3, -1))
    p = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1)
    grad = heads_of(grad, heads)
    grad_p = grad @ v.mT
    grad_scores = p * (grad_p - (grad_p * p).sum(-1, keepdim=True)) / q.shape[-1] ** 0.5
    parts = [grad_scores @ k, grad_scores.mT @ q, p.mT @ grad]
    packed = torch.cat([part.transpose(1, 2).flatten(2) for part in parts], -1)
    return packed @ weight, torch.einsum("nto,nti->oi", packed, x)


define(
    "multi-head attention",
    (multi_head, multi_head_backward),
    lambda: (normal(2, 3, 4), normal(12, 4)),
    slip(
        "queries and keys exchanged",
        "[grad_scores @ k, grad_scores.mT @ q,",
        "[grad_scores.mT @ q, grad_scores @ k,",
        "x weight",
        "exchang|swap|permut|block|rows 0|slices",
    ),
    slip(
        "scale of the width, not of the head",
        "keepdim=True)) / q.shape[-1] ** 0.5",
        "keepdim=True)) / x.shape[-1] ** 0.5",
        "x weight",
        "factor|times",
        "sqrt|rows 0|path",
    ),
)


def rope(x, cos, sin):
    assert x.shape[-1] % 2 == 0
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


def rope_backward(grad, x, cos, sin):
    first, second = (grad * sin).chunk(2, -1)
    return grad * cos + torch.cat([second, -first], -1), None, None


def rope_inputs():
    angle = torch.outer(torch.arange(1.0, 6), torch.tensor([1.0, 0.3, 0.1])).double()
    return normal(2, 5, 6).requires_grad_(), angle.cos().repeat(1, 2), angle.sin().repeat(1, 2)


define(
    "rotary embedding",
    (rope, rope_backward),
    rope_inputs,
    slip("rotated in the same direction", "[second, -first]", "[-second, first]", "x", r"sign|\bsin\b"),
    slip(
        "halves exchanged",
        "torch.cat([second, -first], -1)",
        "torch.cat([-first, second], -1)",
        "x",
        "half|halves|exchang|roll|shift|permut",
    ),
)


class LinearAttention(Function):
    @staticmethod
    def forward(ctx, q, k, v):
        state = k.mT @ v
        ctx.save_for_backward(q, k, v, state)
        return q @ state

    @staticmethod
    def backward(ctx, grad):
        q, k, v, state = ctx.saved_tensors
        grad_state = q.mT @ grad
        return grad @ state.mT, v @ grad_state.mT, k @ grad_state


define(
    "linear attention",
    LinearAttention,
    lambda: (normal(2, 5, 3), normal(2, 5, 3), normal(2, 5, 3)),
    slip("the state is not transposed", "grad @ state.mT", "grad @ state", "q", "transpos"),
    slip(
        "gradients of keys and values exchanged",
        "v @ grad_state.mT, k @ grad_state",
        "k @ grad_state, v @ grad_state.mT",
        "k v",
        "exchang|swap|gradient of [kv]",
    ),
)
