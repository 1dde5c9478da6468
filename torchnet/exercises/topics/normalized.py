"""What the exercises about normalization have in common."""

import torch
from torch import Tensor

from torchnet.exercises.task import Draw
from torchnet.exercises.truth import Case

EPS = 1e-3  # large, so that it matters where it is


def inputs(draw: Draw, samples: int = 6, features: int = 4) -> Case:
    """Draw the arguments of a normalization."""
    x = 2 * draw.normal(samples, features) + 1
    return {"x": x, "weight": draw.normal(features), "bias": draw.normal(features), "eps": EPS}


def normalized(x: Tensor, dim: int, correction: int, eps: float) -> Tensor:
    """Return x normalized along a dimension, by a variance with N - correction."""
    mean, var = x.mean(dim, keepdim=True), x.var(dim, correction=correction, keepdim=True)
    return (x - mean) / torch.sqrt(var + eps)


ARGUMENTS = {
    "grad_output": "(N, C), the gradient of y",
    "x": "(N, C), the input of the forward pass",
    "weight": "(C,)",
    "eps": "a small number",
}
RESULTS = {"grad_input": "(N, C), the gradient of x", "grad_weight": "(C,)", "grad_bias": "(C,)"}
PATHS = ("directly to y", "through mean", "through var")
OF_BIAS = "bias[c] is in y[n, c] of every sample n, with the factor 1. Over which index is added up?"
OF_WEIGHT = "weight[c] is in y[n, c] of every sample n. What is its factor there? Not x: something between x and y."
