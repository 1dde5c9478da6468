"""Losses of distributions and distances."""

import torch
from torch.autograd import Function

from .catalog import define, normal, slip


def kl(log_q, log_p):
    return (log_p.exp() * (log_p - log_q)).sum() / len(log_p)


def kl_backward(grad, log_q, log_p):
    p = log_p.exp()
    return -grad * p / len(p), grad * p * (log_p - log_q + 1) / len(p)


define(
    "KL divergence",
    (kl, kl_backward),
    lambda: (torch.log_softmax(normal(4, 3), 1), torch.log_softmax(normal(4, 3), 1)),
    slip("1 is forgotten", "(log_p - log_q + 1)", "(log_p - log_q)", "log_p", "path|term"),
    slip("wrong sign", "return -grad", "return grad", "log_q", "sign|opposite"),
)


class Huber(Function):
    @staticmethod
    def forward(ctx, prediction, target, delta):
        error = prediction - target
        ctx.save_for_backward(error)
        ctx.delta = delta
        small = error.abs() <= delta
        return torch.where(small, error**2 / 2, delta * (error.abs() - delta / 2))

    @staticmethod
    def backward(ctx, grad):
        (error,) = ctx.saved_tensors
        slope = torch.where(error.abs() <= ctx.delta, error, ctx.delta * error.sign())
        return grad * slope, -grad * slope, None


define(
    "Huber loss",
    Huber,
    lambda: (3 * normal(8), normal(8), 1.5),
    slip(
        "delta is forgotten",
        "ctx.delta * error.sign())",
        "error.sign())",
        "prediction target",
        "delta|where|beyond",
    ),
    slip(
        "the target has the same sign",
        "-grad * slope",
        "grad * slope",
        "target",
        "sign|opposite",
        "gradient of prediction",
    ),
)


def triplet(anchor, positive, negative, margin=1.0):
    near, far = (anchor - positive).square().sum(1), (anchor - negative).square().sum(1)
    return (near - far + margin).clamp(min=0).mean()


def triplet_backward(grad, anchor, positive, negative, margin=1.0):
    near, far = (anchor - positive).square().sum(1), (anchor - negative).square().sum(1)
    active = (near - far + margin > 0)[:, None]
    scale = 2 * grad * active / len(anchor)
    return scale * (negative - positive), -scale * (anchor - positive), scale * (anchor - negative)


define(
    "triplet loss",
    (triplet, triplet_backward),
    lambda: (normal(6, 3), normal(6, 3), normal(6, 3)),
    slip(
        "inactive triplets count",
        "grad * active / len",
        "grad / len",
        "anchor positive negative",
        "rows|indices|inactive|should be 0",
    ),
    slip(
        "only the near pair",
        "scale * (negative - positive)",
        "scale * (anchor - positive)",
        "anchor",
        "path|negative|sign|gradient of positive",
    ),
)


class InfoNce(Function):
    @staticmethod
    def forward(ctx, images, texts, temperature):
        scores = images @ texts.T / temperature
        ctx.save_for_backward(images, texts, scores)
        ctx.temperature = temperature
        rows, columns = torch.log_softmax(scores, 1), torch.log_softmax(scores, 0)
        return -(rows.diagonal() + columns.diagonal()).mean() / 2

    @staticmethod
    def backward(ctx, grad):
        images, texts, scores = ctx.saved_tensors
        error = torch.softmax(scores, 1) + torch.softmax(scores, 0) - 2 * torch.eye(len(scores), dtype=scores.dtype)
        error = grad * error / (2 * len(scores) * ctx.temperature)
        return error @ texts, error.T @ images, None


define(
    "contrastive loss of pairs",
    InfoNce,
    lambda: (normal(4, 3), normal(4, 3), 0.5),
    slip(
        "the temperature is forgotten",
        "(2 * len(scores) * ctx.temperature)",
        "(2 * len(scores))",
        "images texts",
        "factor|times",
    ),
    slip(
        "only one direction",
        "torch.softmax(scores, 1) + torch.softmax(scores, 0)",
        "2 * torch.softmax(scores, 1)",
        "images texts",
        "path|axis|softmax|columns",
    ),
    slip("not transposed", "error.T @ images", "error @ images", "texts", "transpos"),
)


def gaussian_nll(mean, log_var, target):
    return 0.5 * (log_var + (target - mean) ** 2 * (-log_var).exp()).mean()


def gaussian_nll_backward(grad, mean, log_var, target):
    precision = (-log_var).exp()
    grad_mean = grad * (mean - target) * precision / mean.numel()
    return grad_mean, 0.5 * grad * (1 - (target - mean) ** 2 * precision) / mean.numel(), -grad_mean


define(
    "Gaussian negative log-likelihood",
    (gaussian_nll, gaussian_nll_backward),
    lambda: (normal(4, 3), normal(4, 3), normal(4, 3)),
    slip("1/2 is forgotten", "0.5 * grad * (1", "grad * (1", "log_var", "factor|times"),
    slip("the normalizer is forgotten", "(1 - (target", "(0 - (target", "log_var", "path|term"),
)


class Vae(Function):
    @staticmethod
    def forward(ctx, mean, log_var, noise):
        ctx.save_for_backward(mean, log_var, noise)
        return mean + (log_var / 2).exp() * noise, 0.5 * (mean**2 + log_var.exp() - 1 - log_var)

    @staticmethod
    def backward(ctx, grad_z, grad_kl):
        mean, log_var, noise = ctx.saved_tensors
        grad_log_var = grad_z * noise * (log_var / 2).exp() / 2 + grad_kl * (log_var.exp() - 1) / 2
        return grad_z + grad_kl * mean, grad_log_var, None


define(
    "reparametrization and KL of a VAE",
    Vae,
    lambda: (normal(3, 4).requires_grad_(), normal(3, 4).requires_grad_(), normal(3, 4)),
    slip(
        "upstream gradients exchanged",
        "grad_z + grad_kl * mean",
        "grad_kl + grad_z * mean",
        "mean",
        "exchang|upstream|outputs? 0 and",
    ),
    slip(
        "1/2 of the deviation is forgotten",
        "(log_var / 2).exp() / 2 +",
        "(log_var / 2).exp() +",
        "log_var",
        "twice|path|factor|output 0|term",
    ),
    slip(
        "the path through the KL is missing", "grad_z + grad_kl * mean", "grad_z", "mean", "path|output 1|grad_output"
    ),
)
