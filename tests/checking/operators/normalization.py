"""Normalizations and functions of a whole row: softmax and its kin."""

import torch
from torch.autograd import Function

from .catalog import define, normal, slip


class LayerNorm(Function):
    @staticmethod
    def forward(ctx, x, weight, bias, eps):
        mean, var = x.mean(-1, keepdim=True), x.var(-1, correction=0, keepdim=True)
        ctx.save_for_backward(x, weight, mean, torch.rsqrt(var + eps))
        return (x - mean) * torch.rsqrt(var + eps) * weight + bias

    @staticmethod
    def backward(ctx, grad):
        x, weight, mean, rstd = ctx.saved_tensors
        x_hat = (x - mean) * rstd
        g = grad * weight
        grad_x = rstd * (g - g.mean(-1, keepdim=True) - x_hat * (g * x_hat).mean(-1, keepdim=True))
        return grad_x, (grad * x_hat).sum(0), grad.sum(0), None


define(
    "layer normalization",
    LayerNorm,
    lambda: (normal(4, 6), normal(6), normal(6), 1e-5),
    slip("the path through the mean is missing", " - g.mean(-1, keepdim=True)", "", "x", r"mean\b", "path"),
    slip(
        "the path through the variance is missing",
        " - x_hat * (g * x_hat).mean(-1, keepdim=True)",
        "",
        "x",
        "var",
        "path",
        "std",
    ),
    slip(
        "x instead of the normalized x",
        "(grad * x_hat).sum(0)",
        "(grad * x).sum(0)",
        "weight",
        "normaliz|x_hat",
        r"x instead|mean\b",
    ),
)


class RmsNorm(Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * weight

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        rstd = torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)
        g = grad * weight
        grad_x = rstd * g - rstd**3 * x * (g * x).mean(-1, keepdim=True)
        return grad_x, (grad * x * rstd).sum((0, 1))


define(
    "RMS normalization",
    RmsNorm,
    lambda: (normal(2, 3, 6), normal(6)),
    slip(
        "the root mean square is held constant",
        " - rstd**3 * x * (g * x).mean(-1, keepdim=True)",
        "",
        "x",
        "path|term",
        r"mean\b|rms",
    ),
    slip(
        "epsilon is forgotten", "keepdim=True) + 1e-6)\n        g =", "keepdim=True))\n        g =", "x weight", "eps"
    ),
    slip("the width is forgotten", "(g * x).mean(", "(g * x).sum(", "x", "width|factor|times|term|path"),
)


class GroupNorm(Function):
    @staticmethod
    def forward(ctx, x, weight, bias, groups):
        grouped = x.reshape(x.shape[0], groups, -1)
        var, mean = torch.var_mean(grouped, -1, correction=0, keepdim=True)
        rstd = torch.rsqrt(var + 1e-5)
        x_hat = ((grouped - mean) * rstd).reshape(x.shape)
        ctx.save_for_backward(x_hat, weight, rstd)
        return x_hat * weight[:, None] + bias[:, None]

    @staticmethod
    def backward(ctx, grad):
        x_hat, weight, rstd = ctx.saved_tensors
        shape = (len(grad), rstd.shape[1], -1)
        g, h = (grad * weight[:, None]).reshape(shape), x_hat.reshape(shape)
        grad_x = rstd * (g - g.mean(-1, keepdim=True) - h * (g * h).mean(-1, keepdim=True))
        return grad_x.reshape(grad.shape), (grad * x_hat).sum((0, 2)), grad.sum((0, 2)), None


define(
    "group normalization",
    GroupNorm,
    lambda: (normal(3, 4, 5), normal(4), normal(4), 2),
    slip(
        "averaged over all groups",
        "g.mean(-1, keepdim=True)",
        "g.mean((1, 2), keepdim=True)",
        "x",
        r"mean\b",
        "axis|axes|group",
    ),
    slip(
        "x_hat is forgotten",
        "(grad * x_hat).sum((0, 2))",
        "grad.sum((0, 2))",
        "weight",
        "gradient of bias",
        "factor|missing",
    ),
)


class BatchNorm(Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        var, mean = torch.var_mean(x, 0, correction=0)
        rstd = torch.rsqrt(var + 1e-5)
        ctx.save_for_backward(x, weight, mean, rstd)
        return (x - mean) * rstd * weight + bias

    @staticmethod
    def backward(ctx, grad):
        x, weight, mean, rstd = ctx.saved_tensors
        x_hat = (x - mean) * rstd
        grad_weight, grad_bias = (grad * x_hat).sum(0), grad.sum(0)
        grad_x = weight * rstd * (grad - (grad_bias + x_hat * grad_weight) / len(x))
        return grad_x, grad_weight, grad_bias


define(
    "batch normalization",
    BatchNorm,
    lambda: (normal(6, 4), normal(4), normal(4)),
    slip(
        "the statistics are held constant",
        " - (grad_bias + x_hat * grad_weight) / len(x)",
        "",
        "x",
        "path|term|constant",
        r"mean\b|var",
    ),
    slip("divided by N - 1", "/ len(x)", "/ (len(x) - 1)", "x", "N ?- ?1|factor|term"),
    slip(
        "the batch size is a constant",
        "/ len(x)",
        "/ 6",
        "x",
        r"N = 1|batch|size|first dimension|\(1, 4\)|\(\d, 4\)|at other",
        shows_at=lambda: (normal(3, 4), normal(4), normal(4)),
    ),
)


def instance_norm(x):
    return (x - x.mean(2, keepdim=True)) / torch.sqrt(x.var(2, correction=0, keepdim=True) + 1e-5)


def instance_norm_backward(grad, x):
    std = torch.sqrt(x.var(2, correction=0, keepdim=True) + 1e-5)
    y = (x - x.mean(2, keepdim=True)) / std
    grad = (grad - y * (grad * y).mean(2, keepdim=True)) / std
    return grad - grad.mean(2, keepdim=True)


define(
    "instance normalization",
    (instance_norm, instance_norm_backward),
    lambda: (normal(2, 3, 5),),
    slip(
        "the path through the mean is missing",
        "return grad - grad.mean(2, keepdim=True)",
        "return grad",
        "x",
        r"mean\b",
        "path",
    ),
    slip("averaged over the channels", "grad.mean(2,", "grad.mean(1,", "x", "axis", r"mean\b"),
)


class Normalize(Function):
    @staticmethod
    def forward(ctx, x, eps):
        norm = x.norm(dim=1, keepdim=True)
        ctx.save_for_backward(x, norm)
        ctx.eps = eps
        return x / (norm + eps)

    @staticmethod
    def backward(ctx, grad):
        x, norm = ctx.saved_tensors
        total = norm + ctx.eps
        return grad / total - x * (grad * x).sum(1, keepdim=True) / (norm * total**2), None


define(
    "L2 normalization",
    Normalize,
    lambda: (normal(4, 5), 1e-3),
    slip(
        "the norm is held constant",
        " - x * (grad * x).sum(1, keepdim=True) / (norm * total**2)",
        "",
        "x",
        "path|term",
        "norm",
    ),
    slip("epsilon is forgotten", "total = norm + ctx.eps", "total = norm", "x", "eps"),
)


def standardize(x):
    return (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)


def standardize_backward(grad, x):
    count, std = x.shape[1], x.std(1, keepdim=True)
    y = (x - x.mean(1, keepdim=True)) / std
    return (grad - grad.mean(1, keepdim=True) - y * (grad * y).sum(1, keepdim=True) / (count - 1)) / std


define(
    "standardize with the unbiased deviation",
    (standardize, standardize_backward),
    lambda: (normal(3, 6),),
    slip("N for N - 1", "/ (count - 1)", "/ count", "x", r"\b5\b|\b6\b|N ?- ?1|unbiased|factor|term|path"),
    slip("the mean is held constant", " - grad.mean(1, keepdim=True)", "", "x", r"mean\b", "path"),
)
