"""Exercises: batch normalization, forward and backward."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from torchnet.exercises.paths import keep
from torchnet.exercises.task import Mistake, Task
from torchnet.exercises.topics.normalized import ARGUMENTS, EPS, OF_BIAS, OF_WEIGHT, PATHS, RESULTS, inputs, normalized
from torchnet.exercises.truth import Gradients, Values


def _batch_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float, *, only: str | None = None) -> Tensor:
    mean, var = keep(x.mean(0), "through mean", only), keep(x.var(0, correction=0), "through var", only)
    return (keep(x, "directly to y", only) - mean) / torch.sqrt(var + eps) * weight + bias


def _batch_norm_step(**case: Any) -> tuple[Tensor, Tensor, Tensor]:
    mean, var = case.pop("running_mean"), case.pop("running_var")
    return functional.batch_norm(case.pop("x"), mean, var, training=True, **case), mean, var


BATCH_NORM_FORWARD = Task(
    name="batch_norm_forward",
    level=2,
    title="the forward pass of batch normalization, in training",
    text="""
    Normalize each feature over the N samples of the batch, then scale and shift it. Move the running statistics, which
    are used after training, towards those of this batch; return new tensors. There are two variances: y uses the biased
    one, the running variance tracks the unbiased one, as in PyTorch.
    """,
    equations="""
    mean = 1/N Σₙ x[n]        var = 1/N Σₙ (x[n] - mean)²        unbiased = 1/(N - 1) Σₙ (x[n] - mean)²

    y = (x - mean) / √(var + eps) · weight + bias

    new_running_mean = (1 - momentum) · running_mean + momentum · mean
    new_running_var  = (1 - momentum) · running_var + momentum · unbiased
    """,
    arguments={
        "x": "(N, C)",
        "weight": "(C,)",
        "bias": "(C,)",
        "running_mean": "(C,)",
        "running_var": "(C,)",
        "momentum": "a number from 0 to 1",
        "eps": "a small number",
    },
    results={"y": "(N, C)", "new_running_mean": "(C,)", "new_running_var": "(C,)"},
    truth=Values(_batch_norm_step, "y", "new_running_mean", "new_running_var"),
    inputs=lambda draw: {
        **inputs(draw),
        "running_mean": draw.normal(4),
        "running_var": draw.positive(4),
        "momentum": 0.1,
    },
    traps=lambda draw: {
        "in float32, for a mean of 100": {
            "x": (draw.normal(8, 2) + 100).float(),
            "weight": draw.normal(2).float(),
            "bias": draw.normal(2).float(),
            "running_mean": torch.zeros(2),
            "running_var": torch.ones(2),
            "momentum": 0.1,
            "eps": EPS,
        }
    },
    where={
        "new_running_mean": "Which statistic has the weight momentum, the old or the new one? "
        "There is one mean for each feature.",
        "new_running_var": "As new_running_mean, with the variance that divides by N - 1.",
        "y": "Check each part: over which index the mean runs, which variance it is, and that eps is under the root. "
        "The variance is the mean of squared differences; a difference of mean squares would cancel.",
    },
    derivation="notebooks/05_batch_normalization_by_hand.ipynb, section 2",
    praise="Right. In evaluation the running statistics replace those of the batch; to forget eval() is the most "
    "frequent mistake with this layer. Next: batch_norm_backward.",
    mistakes=(
        Mistake(
            "y",
            "unbiased variance",
            lambda a: normalized(a.x, 0, 1, a.eps) * a.weight + a.bias,
            "it is normalized by the variance with N - 1, which is for the running variance only",
        ),
        Mistake(
            "y",
            "wrong axis",
            lambda a: normalized(a.x, 1, 0, a.eps) * a.weight + a.bias,
            "each sample is normalized over its features: this is layer normalization",
        ),
        Mistake(
            "y",
            "epsilon outside of the root",
            lambda a: (a.x - a.x.mean(0)) / (a.x.std(0, correction=0) + a.eps) * a.weight + a.bias,
            "eps is added to the standard deviation, not to the variance",
        ),
        Mistake(
            "y",
            "missing root",
            lambda a: (a.x - a.x.mean(0)) / (a.x.var(0, correction=0) + a.eps) * a.weight + a.bias,
            "it is divided by the variance, not by its square root",
        ),
        Mistake(
            "y",
            "running statistics",
            lambda a: (a.x - a.running_mean) / torch.sqrt(a.running_var + a.eps) * a.weight + a.bias,
            "it is normalized by the running statistics, as in evaluation",
        ),
        Mistake(
            "new_running_var",
            "biased variance",
            lambda a: (1 - a.momentum) * a.running_var + a.momentum * a.x.var(0, correction=0),
            "the variance with N is tracked, not the one with N - 1",
        ),
        Mistake(
            "new_running_mean",
            "momentum reversed",
            lambda a: a.momentum * a.running_mean + (1 - a.momentum) * a.x.mean(0),
            "the old mean has the weight momentum, and the new one the rest",
        ),
        Mistake(
            "y",
            "missing epsilon",
            lambda a: normalized(a.x, 0, 0, 0.0) * a.weight + a.bias,
            "eps is not in it: a feature that is constant would be divided by zero",
        ),
        Mistake(
            "y",
            "missing weight and bias",
            lambda a: normalized(a.x, 0, 0, a.eps),
            "it is normalized, but not scaled and shifted",
        ),
        Mistake(
            "y",
            "wrong axis",
            lambda a: (a.x - a.x.mean()) / torch.sqrt(a.x.var(correction=0) + a.eps) * a.weight + a.bias,
            "mean and variance are those of the whole tensor, not of each feature",
        ),
        Mistake(
            "new_running_mean",
            "not updated",
            lambda a: a.running_mean,
            "it is returned as it was",
        ),
        Mistake(
            "new_running_mean",
            "batch statistics",
            lambda a: a.x.mean(0),
            "it is the mean of this batch alone: the old one is forgotten",
        ),
        Mistake(
            "new_running_var",
            "not updated",
            lambda a: a.running_var,
            "it is returned as it was",
        ),
        Mistake(
            "new_running_var",
            "standard deviation",
            lambda a: (1 - a.momentum) * a.running_var + a.momentum * a.x.std(0),
            "the standard deviation is tracked, not the variance",
        ),
    ),
)

BATCH_NORM_BACKWARD = Task(
    name="batch_norm_backward",
    level=4,
    title="the backward pass of batch normalization",
    text="""
    Return the gradients of x, weight and bias in training mode, where mean and variance are those of the batch. The
    samples are coupled: x[m, c] changes the mean and the variance, and so y[n, c] of every sample n. Compute mean and
    variance again; they belong to the forward pass.
    """,
    equations="""
    mean = 1/N Σₙ x[n]        var = 1/N Σₙ (x[n] - mean)²

    normalized = (x - mean) / √(var + eps)
    y          = normalized · weight + bias
    """,
    arguments=ARGUMENTS,
    results=RESULTS,
    truth=Gradients(_batch_norm, PATHS, axis=0, grad_input="x", grad_weight="weight", grad_bias="bias"),
    inputs=inputs,
    where={
        "grad_bias": OF_BIAS,
        "grad_weight": OF_WEIGHT,
        "grad_input": "x reaches y on three paths: directly, through mean, and through var. Write the gradient of "
        "normalized, then of var and of mean (two sums over n), then add three terms for x. Test: over the samples, "
        "the gradient of x has the sum 0, because adding a number to all samples changes nothing.",
    },
    derivation="notebooks/05_batch_normalization_by_hand.ipynb, section 4",
    praise="Right, and hardly anybody gets it at the first attempt. The gradient has no component along a shift or a "
    "scaling of the batch: these change nothing. Next: layer_norm_backward, the same along the other axis, almost.",
    mistakes=(
        Mistake(
            "grad_weight",
            "not scaled",
            lambda a: (a.grad_output * (a.x - a.x.mean(0))).sum(0),
            "the mean is subtracted, but it is not divided by √(var + eps)",
        ),
        Mistake(
            "grad_weight",
            "not normalized",
            lambda a: (a.grad_output * a.x).sum(0),
            "it is computed with x, but the factor of weight in y is normalized",
        ),
        Mistake(
            "grad_weight",
            "unbiased variance",
            lambda a: (a.grad_output * normalized(a.x, 0, 1, a.eps)).sum(0),
            "normalized is computed with the variance that divides by N - 1; in the equations it divides by N",
            "torch.var divides by N - 1 unless it is told otherwise.",
        ),
        Mistake(
            "grad_weight",
            "wrong axis",
            lambda a: (a.grad_output * normalized(a.x, 1, 0, a.eps)).sum(0),
            "normalized is computed over the features, as in layer normalization",
        ),
    ),
)
