"""Exercises: normalization of each sample."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from torchnet.exercises.paths import keep
from torchnet.exercises.task import Mistake, Task
from torchnet.exercises.topics.normalized import ARGUMENTS, OF_BIAS, OF_WEIGHT, PATHS, RESULTS, inputs, normalized
from torchnet.exercises.truth import Gradients


def _layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float, *, only: str | None = None) -> Tensor:
    mean, var = x.mean(1, keepdim=True), x.var(1, correction=0, keepdim=True)
    mean, var = keep(mean, "through mean", only), keep(var, "through var", only)
    return (keep(x, "directly to y", only) - mean) / torch.sqrt(var + eps) * weight + bias


def _rms_norm(x: Tensor, weight: Tensor, eps: float, *, only: str | None = None) -> Tensor:
    rms = torch.sqrt(x.square().mean(1, keepdim=True) + eps)
    return keep(x, "directly to y", only) / keep(rms, "through rms", only) * weight


_OF_LAYER_NORM = Gradients(_layer_norm, PATHS, axis=1, grad_input="x", grad_weight="weight", grad_bias="bias")
_OF_RMS_NORM = Gradients(_rms_norm, ("directly to y", "through rms"), axis=1, grad_input="x", grad_weight="weight")


def _for_weights_of_one(truth: Gradients, a: Any) -> Tensor:
    """Return the gradient of x if all weights were 1."""
    return truth.results({**vars(a), "weight": torch.ones_like(a.weight)})["grad_input"]


LAYER_NORM_BACKWARD = Task(
    name="layer_norm_backward",
    level=4,
    title="the backward pass of layer normalization",
    text="""
    Layer normalization takes mean and variance over the C features of each sample. Return the gradients of x, weight
    and bias. The samples are independent, the features are coupled, and weight differs from feature to feature.
    """,
    equations="""
    mean[n] = 1/C Σ_c x[n, c]        var[n] = 1/C Σ_c (x[n, c] - mean[n])²

    normalized = (x - mean) / √(var + eps)
    y          = normalized · weight + bias
    """,
    arguments=ARGUMENTS,
    results=RESULTS,
    truth=_OF_LAYER_NORM,
    inputs=inputs,
    traps=lambda draw: {"for as many samples as features": inputs(draw, 4, 4)},
    where={
        "grad_bias": OF_BIAS,
        "grad_weight": OF_WEIGHT + " All samples share the weight, although each has its own mean.",
        "grad_input": "x reaches y on three paths: directly, through mean, and through var, both over the features of "
        "one sample. weight belongs inside the sums over c, because it differs from feature to feature.",
    },
    derivation="notebooks/05_batch_normalization_by_hand.ipynb, section 9",
    praise="Right. Nothing depends on the other samples, so training and evaluation are the same: this is why "
    "transformers use it. Next: rms_norm_backward, with one path less.",
    mistakes=(
        Mistake(
            "grad_weight",
            "not scaled",
            lambda a: (a.grad_output * (a.x - a.x.mean(1, keepdim=True))).sum(0),
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
            "wrong axis",
            lambda a: (a.grad_output * normalized(a.x, 0, 0, a.eps)).sum(0),
            "normalized is computed over the samples, as in batch normalization",
        ),
        Mistake(
            "grad_weight",
            "unbiased variance",
            lambda a: (a.grad_output * normalized(a.x, 1, 1, a.eps)).sum(0),
            "normalized is computed with the variance that divides by C - 1; in the equations it divides by C",
            "torch.var divides by C - 1 unless it is told otherwise.",
        ),
        Mistake(
            "grad_bias",
            "wrong axis",
            lambda a: a.grad_output.sum(1),
            "it is summed over the features, along which the forward pass normalizes, not over the samples",
        ),
        Mistake(
            "grad_input",
            "weight outside of the sums",
            lambda a: a.weight * _for_weights_of_one(_OF_LAYER_NORM, a),
            "weight is multiplied in after the sums over the features, and belongs inside",
        ),
        Mistake(
            "grad_input",
            "missing weight",
            partial(_for_weights_of_one, _OF_LAYER_NORM),
            "weight is not in it: the gradient of y comes back through the product with weight first",
        ),
    ),
)

RMS_NORM_BACKWARD = Task(
    name="rms_norm_backward",
    level=3,
    title="the backward pass of RMS normalization",
    text="""
    RMS normalization divides each sample by the root of its mean square; there is no mean to subtract and no bias.
    Return the gradients of x and weight.
    """,
    equations="""
    rms[n] = √(1/C Σ_c x[n, c]² + eps)
    y      = x / rms · weight
    """,
    arguments=ARGUMENTS,
    results={"grad_input": "(N, C), the gradient of x", "grad_weight": "(C,)"},
    truth=_OF_RMS_NORM,
    inputs=lambda draw: {name: x for name, x in inputs(draw).items() if name != "bias"},
    where={
        "grad_weight": OF_WEIGHT,
        "grad_input": "x[n, c] reaches y on two paths: directly, and through rms[n], which is in every y[n, k] of its "
        "row. The derivative of rms by x[n, c] has the factor 1/C of the mean.",
    },
    derivation="notebooks/07_your_own_kernel.ipynb, section 2",
    praise="Right. Scaling x changes nothing, and so its gradient is orthogonal to x, but for eps. Next: "
    "layer_norm_backward, which also subtracts the mean.",
    mistakes=(
        Mistake(
            "grad_weight",
            "not normalized",
            lambda a: (a.grad_output * a.x).sum(0),
            "it is computed with x, but the factor of weight in y is x / rms",
        ),
        Mistake(
            "grad_input",
            "weight outside of the sum",
            lambda a: a.weight * _for_weights_of_one(_OF_RMS_NORM, a),
            "weight is multiplied in after the sum over the features, and belongs inside",
        ),
        Mistake(
            "grad_input",
            "missing weight",
            partial(_for_weights_of_one, _OF_RMS_NORM),
            "weight is not in it: the gradient of y comes back through the product with weight first",
        ),
        Mistake(
            "grad_weight",
            "mean subtracted",
            lambda a: (a.grad_output * normalized(a.x, 1, 0, a.eps)).sum(0),
            "a mean is subtracted, as in layer normalization; here there is none",
        ),
    ),
)
