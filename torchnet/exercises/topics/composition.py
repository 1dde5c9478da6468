"""Exercises: the chain rule through several layers, and around one."""

import torch
from torch import Tensor

from torchnet.exercises.paths import keep
from torchnet.exercises.task import Draw, Mistake, Task
from torchnet.exercises.truth import Case, Gradients


def _residual(x: Tensor, weight: Tensor, *, only: str | None = None) -> Tensor:
    return keep(x, "around the layer", only) + torch.relu(keep(x, "through the layer", only) @ weight.T)


RESIDUAL_BACKWARD = Task(
    name="residual_backward",
    level=3,
    title="the backward pass of a residual block",
    text="""
    A residual block adds its input to what a small layer makes of it. Return the gradients of x and of weight. x
    reaches y in two ways.
    """,
    equations="""
    z = x weightᵀ
    y = x + max(z, 0)

    grad_input = ∂L/∂x,   grad_weight = ∂L/∂weight,   given   grad_output = ∂L/∂y
    """,
    arguments={
        "grad_output": "(N, C), the gradient of the output",
        "x": "(N, C), the input of the forward pass",
        "weight": "(C, C)",
    },
    results={"grad_input": "(N, C), the gradient of x", "grad_weight": "(C, C), the gradient of weight"},
    truth=Gradients(_residual, ("around the layer", "through the layer"), grad_input="x", grad_weight="weight"),
    inputs=lambda draw: {"x": draw.normal(5, 3), "weight": draw.normal(3, 3)},
    where={
        "grad_weight": "Only the path through z has weight in it. First find the gradient of z, which ReLU lets "
        "through where z is positive; then weight[o, i] is in z[n, o] of every sample, with the factor x[n, i].",
        "grad_input": "Two paths, two terms: y contains x itself, and x in z. The gradient of z goes back through "
        "weight as in linear_backward. The orientation matters and does not show in the shape: weight is square.",
    },
    derivation="notebooks/04_depth.ipynb, section 6",
    praise="Right. However small weight is, one of the two terms brings the gradient back undiminished: this is why "
    "networks with a hundred residual blocks can be trained. Next: mlp_backward.",
    mistakes=(
        Mistake(
            "grad_weight",
            "wrong mask",
            lambda a: (a.grad_output * (a.x > 0)).T @ a.x,
            "ReLU looked at z, and you look at the sign of x",
        ),
        Mistake("grad_weight", "missing slope", lambda a: a.grad_output.T @ a.x, "the slope of ReLU is missing"),
    ),
)


def _mlp(x: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor) -> Tensor:
    return torch.tanh(x @ weight1.T + bias1) @ weight2.T + bias2


def _mlp_inputs(draw: Draw, width: int = 4, out_features: int = 2) -> Case:
    return {
        "x": draw.normal(5, 3),
        "weight1": draw.normal(width, 3),
        "bias1": draw.normal(width),
        "weight2": draw.normal(out_features, width),
        "bias2": draw.normal(out_features),
    }


MLP_BACKWARD = Task(
    name="mlp_backward",
    level=3,
    title="the chain rule through two layers",
    text="""
    Write the whole backward pass of a network with one hidden layer. Begin at the end: each layer gets the gradient of
    its output, returns the gradients of its weights, and sends the gradient of its input to the layer before. bias2 is
    not among the arguments: no gradient depends on it.
    """,
    equations="""
    z      = x weight1ᵀ + bias1
    hidden = tanh(z)
    y      = hidden weight2ᵀ + bias2

    d tanh(z) / dz = 1 - tanh(z)²
    """,
    arguments={
        "grad_output": "(N, O), the gradient of y",
        "x": "(N, I), the input of the network",
        "weight1": "(H, I)",
        "bias1": "(H,)",
        "weight2": "(O, H)",
    },
    results={
        "grad_input": "(N, I), the gradient of x",
        "grad_weight1": "(H, I)",
        "grad_bias1": "(H,)",
        "grad_weight2": "(O, H)",
        "grad_bias2": "(O,)",
    },
    truth=Gradients(
        _mlp,
        grad_input="x",
        grad_weight1="weight1",
        grad_bias1="bias1",
        grad_weight2="weight2",
        grad_bias2="bias2",
    ),
    inputs=_mlp_inputs,
    traps=lambda draw: {"for square weights": _mlp_inputs(draw, 3, 3)},
    where={
        "grad_bias2": "The last layer is linear: see linear_backward. bias2[o] is in y[n, o] of every sample.",
        "grad_weight2": "The last layer is linear, and its input is hidden, not x and not z.",
        "grad_bias1": "First the gradient of hidden, the input of the last layer; then that of z, through tanh; then "
        "bias1[h], which is in z[n, h] of every sample.",
        "grad_weight1": "The gradient of z is right if grad_bias1 is. The first layer is linear: its output is z, "
        "its input x.",
        "grad_input": "The gradient of z goes back once more, through the weight of the first layer.",
    },
    derivation="notebooks/04_depth.ipynb, section 2",
    praise="Right. A deeper network is the same in a loop: every factor weight and every slope multiplies what comes "
    "from above, so gradients vanish or explode with depth. Next: the normalizations, which hold against it.",
    mistakes=(
        Mistake(
            "grad_bias1",
            "missing slope",
            lambda a: (a.grad_output @ a.weight2).sum(0),
            "the gradient passes tanh unchanged: its slope is missing",
        ),
        Mistake(
            "grad_bias1",
            "input instead of output",
            lambda a: ((a.grad_output @ a.weight2) * (1 - (a.x @ a.weight1.T + a.bias1) ** 2)).sum(0),
            "the slope of tanh is 1 - y² of its output y = hidden, and you put in its input z",
        ),
        Mistake(
            "grad_weight2",
            "missing activation",
            lambda a: a.grad_output.T @ (a.x @ a.weight1.T + a.bias1),
            "it is computed with z, but the last layer sees hidden, after tanh",
        ),
        Mistake(
            "grad_bias1",
            "another function",
            lambda a: (
                (a.grad_output @ a.weight2) * (hidden := torch.tanh(a.x @ a.weight1.T + a.bias1)) * (1 - hidden)
            ).sum(0),
            "the slope is that of a sigmoid; here the activation is tanh",
        ),
        Mistake(
            "grad_bias1",
            "missing square",
            lambda a: (a.grad_output @ a.weight2 * (1 - torch.tanh(a.x @ a.weight1.T + a.bias1))).sum(0),
            "the slope of tanh has a square in it",
        ),
        Mistake(
            "grad_weight2",
            "missing bias",
            lambda a: a.grad_output.T @ torch.tanh(a.x @ a.weight1.T),
            "bias1 is missing where hidden is computed again",
        ),
    ),
)
