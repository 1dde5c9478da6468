"""Products of matrices and vectors, similarities, and weights that are normalized."""

import torch
from torch.autograd import Function

from .catalog import define, normal, slip


class Linear(Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return x @ weight.T

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        return grad @ weight, grad.T @ x


define(
    "linear",
    Linear,
    lambda: (normal(5, 4), normal(4, 4)),
    slip("the weight is transposed", "grad @ weight", "grad @ weight.T", "x", "transpos"),
    slip("the gradient of the weight is transposed", "grad.T @ x", "x.T @ grad", "weight", "transpos"),
)


class Affine(Function):
    @staticmethod
    def forward(ctx, x, scale, shift):
        ctx.save_for_backward(x, scale)
        return x * scale + shift

    @staticmethod
    def backward(ctx, grad):
        x, scale = ctx.saved_tensors
        return grad * scale, (grad * x).sum((0, 1)), grad.sum((0, 1))


define(
    "affine with a broadcast bias",
    Affine,
    lambda: (normal(4, 3, 5), normal(5), normal(5)),
    slip("the bias is averaged", "grad.sum((0, 1))", "grad.mean((0, 1))", "shift", "factor|times", r"mean\b"),
    slip("x is forgotten", "(grad * x)", "grad", "scale", "gradient of shift", "factor x|without x|missing.*x"),
)


def bilinear(x, y, weight):
    return torch.einsum("ni,oij,nj->no", x, weight, y)


def bilinear_backward(grad, x, y, weight):
    grad_x = torch.einsum("no,oij,nj->ni", grad, weight, y)
    grad_y = torch.einsum("no,oij,ni->nj", grad, weight, x)
    return grad_x, grad_y, torch.einsum("no,ni,nj->oij", grad, x, y)


define(
    "bilinear",
    (bilinear, bilinear_backward),
    lambda: (normal(5, 3), normal(5, 3), normal(2, 3, 3)),
    slip(
        "gradients exchanged", "return grad_x, grad_y", "return grad_y, grad_x", "x y", "exchang|swap|gradient of [xy]"
    ),
    slip("weight transposed", "->oij", "->oji", "weight", "transpos|permut|axes"),
)


def contraction(a, b):
    return torch.einsum("bik,kjl->bijl", a, b)


def contraction_backward(grad, a, b):
    return torch.einsum("bijl,kjl->bik", grad, b), torch.einsum("bijl,bik->kjl", grad, a)


define(
    "einsum contraction",
    (contraction, contraction_backward),
    lambda: (normal(2, 4, 3), normal(3, 3, 3)),
    slip("axes exchanged", "bik->kjl", "bik->klj", "b", "transpos|permut|axes"),
    slip("axes of b exchanged", "bijl,kjl", "bijl,klj", "a", "transpos|permut|axes"),
)


def outer(u, v):
    return u[:, None] * v[None]


def outer_backward(grad, u, v):
    return grad @ v, u @ grad


define(
    "outer product",
    (outer, outer_backward),
    lambda: (normal(4), normal(4)),
    slip("the gradient is transposed", "grad @ v", "v @ grad", "u", "transpos"),
    slip("u is forgotten", "u @ grad", "grad.sum(0)", "v", r"(factor|without|times) u\b|missing.*\bu\b"),
)


class LowRank(Function):
    @staticmethod
    def forward(ctx, x, down, up, scaling):
        ctx.save_for_backward(x, down, up)
        ctx.scaling = scaling
        return x @ down @ up * scaling

    @staticmethod
    def backward(ctx, grad):
        x, down, up = ctx.saved_tensors
        hidden = grad @ up.T * ctx.scaling
        return hidden @ down.T, x.T @ hidden, (x @ down).T @ grad * ctx.scaling, None


define(
    "low-rank adapter",
    LowRank,
    lambda: (normal(5, 4), normal(4, 2), normal(2, 6)),
    slip("the scaling is forgotten", "grad * ctx.scaling, None", "grad, None", "up", "factor|times", "scaling"),
    slip("only x is scaled", "grad @ up.T * ctx.scaling", "grad @ up.T", "x down", "factor|times", "scaling"),
    form="callable",
    wrap=lambda low_rank: lambda x, down, up: low_rank.apply(x, down, up, 0.25),
)


class SquaredDistances(Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        grad_x = 2 * (grad.sum(1)[:, None] * x - grad @ y)
        grad_y = 2 * (grad.sum(0)[:, None] * y - grad.T @ x)
        return grad_x, grad_y


define(
    "pairwise distances",
    SquaredDistances,
    lambda: (normal(4, 3), normal(5, 3)),
    slip("2 is forgotten", "grad_x = 2 *", "grad_x =", "x", "factor|times"),
    slip("the cross term is missing", " - grad.T @ x", "", "y", "term|path"),
)


def cosine(x, y):
    return (x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1))


def cosine_backward(grad, x, y):
    x_norm, y_norm = x.norm(dim=1, keepdim=True), y.norm(dim=1, keepdim=True)
    similarity = (x * y).sum(1, keepdim=True) / (x_norm * y_norm)
    grad_x = grad[:, None] * (y / (x_norm * y_norm) - similarity * x / x_norm**2)
    grad_y = grad[:, None] * (x / (x_norm * y_norm) - similarity * y / y_norm**2)
    return grad_x, grad_y


define(
    "cosine similarity",
    (cosine, cosine_backward),
    lambda: (normal(4, 3), normal(4, 3)),
    slip("the norm is held constant", " - similarity * x / x_norm**2", "", "x", "path|norm|term"),
    slip("wrong power of the norm", "y / y_norm**2", "y / y_norm", "y", "norm|path|term"),
)


class WeightNorm(Function):
    @staticmethod
    def forward(ctx, v, gain):
        ctx.save_for_backward(v, gain)
        return gain * v / v.norm(dim=1, keepdim=True)

    @staticmethod
    def backward(ctx, grad):
        v, gain = ctx.saved_tensors
        norm = v.norm(dim=1, keepdim=True)
        direction = v / norm
        along = (grad * direction).sum(1, keepdim=True)
        return gain / norm * (grad - along * direction), along


define(
    "weight normalization",
    WeightNorm,
    lambda: (normal(4, 3), normal(4, 1)),
    slip("the norm is held constant", "(grad - along * direction)", "grad", "v", "path|norm|term"),
    slip("the gain is forgotten", "gain / norm *", "1 / norm *", "v", "gain|rows"),
)


class SpectralNorm(Function):
    @staticmethod
    def forward(ctx, weight, u, v):
        ctx.save_for_backward(weight, u, v)
        return weight / (u @ weight @ v)

    @staticmethod
    def backward(ctx, grad):
        weight, u, v = ctx.saved_tensors
        sigma = u @ weight @ v
        return grad / sigma - (grad * weight).sum() / sigma**2 * torch.outer(u, v), None, None


define(
    "spectral normalization",
    SpectralNorm,
    lambda: (normal(4, 3).requires_grad_(), normal(4), normal(3)),
    slip(
        "sigma is held constant",
        " - (grad * weight).sum() / sigma**2 * torch.outer(u, v)",
        "",
        "weight",
        "path|sigma|term|constant",
    ),
    slip("wrong sign", " - (grad * weight)", " + (grad * weight)", "weight", "sign", "path|term|sigma"),
)
