"""Exercises: normalization of each sample."""

import torch
from torch import Tensor

from torchnet.exercises.task import Mistake, Task
from torchnet.exercises.topics.normalized import ARGUMENTS, OF_BIAS, OF_WEIGHT, RESULTS, inputs, normalized
from torchnet.exercises.truth import Gradients


def _layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    centered = x - x.mean(1, keepdim=True)
    return centered / torch.sqrt(x.var(1, correction=0, keepdim=True) + eps) * weight + bias


def _rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return x / torch.sqrt(x.square().mean(1, keepdim=True) + eps) * weight


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
    y          = normalized weight + bias
    """,
    arguments=ARGUMENTS,
    results=RESULTS,
    truth=Gradients(_layer_norm, grad_input="x", grad_weight="weight", grad_bias="bias"),
    inputs=inputs,
    traps=lambda draw: {"for as many samples as features": inputs(draw, 4, 4)},
    where={
        "grad_bias": OF_BIAS,
        "grad_weight": OF_WEIGHT + " All samples share the weight, although each has its own mean.",
        "grad_input": "x reaches y on three paths: directly, through mean, and through var, both over the features of "
        "one sample. weight belongs inside the sums over c, because it differs from feature to feature.",
    },
    praise="Right. Nothing depends on the other samples, so training and evaluation are the same: this is why "
    "transformers use it. Next: rms_norm_backward, with one path less.",
    mistakes=(
        Mistake(
            "grad_weight",
            "not normalized",
            lambda grad_output, x, weight, eps: (grad_output * x).sum(0),
            "it is computed with x, but the factor of weight in y is normalized",
        ),
        Mistake(
            "grad_weight",
            "wrong axis",
            lambda grad_output, x, weight, eps: (grad_output * normalized(x, 0, 0, eps)).sum(0),
            "normalized is computed over the samples, as in batch normalization",
        ),
        Mistake(
            "grad_weight",
            "unbiased variance",
            lambda grad_output, x, weight, eps: (grad_output * normalized(x, 1, 1, eps)).sum(0),
            "normalized is computed with the variance that divides by C - 1; in the equations it divides by C",
            "torch.var divides by C - 1 unless it is told otherwise.",
        ),
        Mistake(
            "grad_bias",
            "wrong axis",
            lambda grad_output, x, weight, eps: grad_output.sum(1),
            "it is summed over the features, along which the forward pass normalizes, not over the samples",
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
    y      = x / rms weight
    """,
    arguments=ARGUMENTS,
    results={"grad_input": "(N, C), the gradient of x", "grad_weight": "(C,)"},
    truth=Gradients(_rms_norm, grad_input="x", grad_weight="weight"),
    inputs=lambda draw: {name: x for name, x in inputs(draw).items() if name != "bias"},
    where={
        "grad_weight": OF_WEIGHT,
        "grad_input": "x[n, c] reaches y on two paths: directly, and through rms[n], which is in every y[n, k] of its "
        "row. The derivative of rms by x[n, c] has the factor 1/C of the mean.",
    },
    praise="Right. Scaling x changes nothing, and so its gradient is orthogonal to x, but for eps. Next: "
    "layer_norm_backward, which also subtracts the mean.",
    mistakes=(
        Mistake(
            "grad_weight",
            "not normalized",
            lambda grad_output, x, weight, eps: (grad_output * x).sum(0),
            "it is computed with x, but the factor of weight in y is x / rms",
        ),
        Mistake(
            "grad_input",
            "missing path",
            lambda grad_output, x, weight, eps: grad_output * weight / torch.sqrt(x.square().mean(1, True) + eps),
            "rms is treated as a constant: the path through it is missing",
        ),
    ),
)
