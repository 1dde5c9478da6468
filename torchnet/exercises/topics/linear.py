"""Exercises: linear layers, forward and backward."""

from torch import Tensor
from torch.nn.functional import linear

from torchnet.exercises.task import Draw, Mistake, Task
from torchnet.exercises.truth import Case, Gradients, Values


def _inputs(draw: Draw, samples: int = 5, out_features: int = 4) -> Case:
    return {"x": draw.normal(samples, 3), "weight": draw.normal(out_features, 3), "bias": draw.normal(out_features)}


def _forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return x @ weight.T + bias


_NO_SUM_OVER_SAMPLES = (
    "every sample has a gradient of its own here: the one bias that all samples share gets the gradients of all"
)

LINEAR_FORWARD = Task(
    name="linear_forward",
    level=1,
    title="the forward pass of a linear layer",
    text="""
    Write the forward pass of a linear layer for a batch of N samples, one a row. The weight has a row for each output,
    as in PyTorch: (O, I).
    """,
    equations="""
    y[n, o] = Σᵢ x[n, i] · weight[o, i] + bias[o]
    """,
    arguments={"x": "(N, I), the inputs", "weight": "(O, I)", "bias": "(O,)"},
    results={"y": "(N, O), the outputs"},
    truth=Values(linear, "y"),
    inputs=_inputs,
    traps=lambda draw: {
        "for a square weight": _inputs(draw, 4, 3),
        "for one sample": _inputs(draw, 1),
    },
    where={
        "y": "The sum runs over i, the second index of x and the second index of weight. A product A @ B sums over the "
        "second index of A and the first index of B."
    },
    derivation="notebooks/02_a_layer_by_hand.ipynb, section 3",
    praise="Right. One product of matrices does all samples and all outputs at once. Next: linear_backward, which "
    "needs two products and a sum.",
    mistakes=(
        Mistake(
            "y",
            "missing bias",
            lambda a: a.x @ a.weight.T,
            "the products are right, and the bias is not added",
            "Read the equation to its end.",
        ),
        Mistake(
            "y",
            "transposed",
            lambda a: a.x @ a.weight + a.bias,
            "y has the right size and weight the wrong orientation, which only shows for a square weight",
        ),
        Mistake(
            "y",
            "sign",
            lambda a: a.x @ a.weight.T - a.bias,
            "the bias has the wrong sign",
            "Read the equation to its end.",
        ),
    ),
)

LINEAR_BACKWARD = Task(
    name="linear_backward",
    level=2,
    title="the backward pass of a linear layer",
    text="""
    Write the three gradients of a linear layer, for a batch of N samples. The gradient of a tensor has the shape of
    this tensor. The loss has its own factor 1/N, if it is a mean: do not divide again.
    """,
    equations="""
    y       = x weightᵀ + bias
    y[n, o] = Σᵢ x[n, i] · weight[o, i] + bias[o]

    grad_input  = ∂L/∂x,   grad_weight = ∂L/∂weight,   grad_bias = ∂L/∂bias,   given   grad_output = ∂L/∂y
    """,
    arguments={
        "grad_output": "(N, O), the gradient of the output",
        "x": "(N, I), the input of the forward pass",
        "weight": "(O, I)",
    },
    results={
        "grad_input": "(N, I), the gradient of x",
        "grad_weight": "(O, I), the gradient of weight",
        "grad_bias": "(O,), the gradient of bias",
    },
    truth=Gradients(_forward, grad_input="x", grad_weight="weight", grad_bias="bias"),
    inputs=_inputs,
    traps=lambda draw: {"for a square weight": _inputs(draw, 4, 3)},
    where={
        "grad_input": "x[n, i] is in every y[n, o] of its row n, with the factor weight[o, i]: add up over o. Then "
        "find the product of matrices whose inner index is o.",
        "grad_weight": "weight[o, i] is in y[n, o] of every sample n, with the factor x[n, i]: add up over n. Then "
        "find the product of matrices whose inner index is n and whose shape is (O, I).",
        "grad_bias": "bias[o] is in y[n, o] of every sample n, with the factor 1. What is added up, and "
        "over which index?",
    },
    derivation="notebooks/02_a_layer_by_hand.ipynb, section 7",
    praise="Right: that is what every linear layer of every network does in its backward pass. Check its cost: two "
    "products of matrices, twice the forward pass. Next: mlp_backward puts layers in a row.",
    mistakes=(
        Mistake(
            "grad_bias",
            "missing sum",
            lambda a: a.grad_output,
            _NO_SUM_OVER_SAMPLES,
        ),
        Mistake(
            "grad_bias",
            "wrong axis",
            lambda a: a.grad_output.sum(1),
            "it is summed over the outputs, not over the samples",
        ),
        Mistake("grad_bias", "missing sum", lambda a: a.grad_output[0], "only one sample is in it"),
    ),
)
