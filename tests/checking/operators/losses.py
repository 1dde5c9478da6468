"""Losses of classes."""

import torch
from torch.autograd import Function

from .catalog import define, ints, normal, slip


def smoothed_cross_entropy(logits, targets):
    n, classes = logits.shape
    goal = torch.full_like(logits, 0.1 / classes)
    goal[torch.arange(n), targets] += 0.9
    loss = -(goal * torch.log_softmax(logits, 1)).sum() / n
    return loss, (torch.softmax(logits, 1) - goal) / n


define(
    "cross-entropy with smoothed labels",
    smoothed_cross_entropy,
    lambda: (normal(5, 4), ints(1, 3, 0, 1, 2)),
    slip(
        "labels are not smoothed",
        "(torch.softmax(logits, 1) - goal)",
        "(torch.softmax(logits, 1) - torch.eye(classes, dtype=logits.dtype)[targets])",
        "logits",
        "smooth|one-hot|targets|label|target",
    ),
    slip("1 / N is forgotten", " - goal) / n", " - goal)", "logits", "factor|times"),
    form="loss",
)


class CrossEntropy(Function):
    @staticmethod
    def forward(ctx, logits, targets, ignore_index):
        kept = targets != ignore_index
        ctx.save_for_backward(logits, targets, kept)
        picked = torch.log_softmax(logits, 1)[torch.arange(len(targets)), targets.clamp(min=0)]
        return -picked[kept].sum() / kept.sum()

    @staticmethod
    def backward(ctx, grad):
        logits, targets, kept = ctx.saved_tensors
        grad_logits = torch.softmax(logits, 1)
        grad_logits[torch.arange(len(targets)), targets.clamp(min=0)] -= 1
        return grad * grad_logits * kept[:, None] / kept.sum(), None, None


define(
    "cross-entropy with ignore_index",
    CrossEntropy,
    lambda: (normal(5, 4), ints(1, -1, 0, -1, 2), -1),
    slip("ignored rows get a gradient", " * kept[:, None]", "", "logits", "ignor|rows? 1|indices 1|where targets"),
    slip("divided by all rows", "/ kept.sum(), None", "/ len(targets), None", "logits", "factor|times"),
)


class WeightedCrossEntropy(Function):
    @staticmethod
    def forward(ctx, logits, targets, weight):
        ctx.save_for_backward(logits, targets, weight)
        picked = torch.log_softmax(logits, 1)[torch.arange(len(targets)), targets]
        return -(weight[targets] * picked).sum() / weight[targets].sum()

    @staticmethod
    def backward(ctx, grad):
        logits, targets, weight = ctx.saved_tensors
        each = weight[targets]
        error = torch.softmax(logits, 1) - torch.eye(len(weight), dtype=logits.dtype)[targets]
        return grad * each[:, None] * error / each.sum(), None, None


define(
    "cross-entropy with weights of classes",
    WeightedCrossEntropy,
    lambda: (normal(5, 3).requires_grad_(), ints(1, 2, 0, 1, 2), torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)),
    slip(
        "the weights are forgotten", "each[:, None] * error / each.sum()", "error / len(each)", "logits", "weight|rows"
    ),
    slip("divided by N", "/ each.sum()", "/ len(each)", "logits", "factor|times"),
)


class Focal(Function):
    @staticmethod
    def forward(ctx, logits, targets, gamma):
        p = torch.where(targets, logits.sigmoid(), (-logits).sigmoid())
        ctx.save_for_backward(p, targets)
        ctx.gamma = gamma
        return -((1 - p) ** gamma * p.log()).mean()

    @staticmethod
    def backward(ctx, grad):
        p, targets = ctx.saved_tensors
        q, gamma = 1 - p, ctx.gamma
        slope = gamma * q ** (gamma - 1) * p.log() - q**gamma / p
        sign = torch.where(targets, 1.0, -1.0)
        return grad * slope * sign * p * q / p.numel(), None, None


define(
    "focal loss",
    Focal,
    lambda: (normal(8), torch.tensor([True, False, False, True, True, False, True, False]), 2.0),
    slip(
        "the modulating factor is held constant",
        "gamma * q ** (gamma - 1) * p.log() - q**gamma",
        "-(q**gamma)",
        "logits",
        "path|term",
    ),
    slip(
        "the sign of negatives is forgotten",
        "torch.where(targets, 1.0, -1.0)",
        "1.0",
        "logits",
        "targets|where|sign|False",
    ),
)


class Bce(Function):
    @staticmethod
    def forward(ctx, logits, targets, pos_weight):
        ctx.save_for_backward(logits, targets)
        ctx.pos_weight = pos_weight
        softplus = torch.nn.functional.softplus
        return torch.where(targets, pos_weight * softplus(-logits), softplus(logits)).mean()

    @staticmethod
    def backward(ctx, grad):
        logits, targets = ctx.saved_tensors
        p = logits.sigmoid()
        return grad * torch.where(targets, ctx.pos_weight * (p - 1), p) / p.numel(), None, None


define(
    "binary cross-entropy with logits",
    Bce,
    lambda: (normal(3, 4), torch.rand(3, 4) > 0.5, 2.5),
    slip("pos_weight is forgotten", "ctx.pos_weight * (p - 1)", "p - 1", "logits", "pos_weight|where|targets"),
    slip("divided by N only", "/ p.numel()", "/ len(p)", "logits", "factor|times"),
)
