"""Exercises: slopes of activation functions."""

import torch
from torch import Tensor

from torchnet.exercises.paths import keep
from torchnet.exercises.task import Mistake, Task
from torchnet.exercises.truth import Gradients, Values
from torchnet.layers import Layer, Sigmoid


def _slope(layer: Layer, x: Tensor) -> Tensor | None:
    """Return the derivative of a layer that works element by element."""
    return layer.backward(torch.ones_like(layer(x)))


SIGMOID_SLOPE = Task(
    name="sigmoid_slope",
    level=1,
    title="the derivative of the sigmoid",
    text="""
    A network learns by slopes: how much does the output change if the input changes a little? Write the slope of the
    sigmoid at each element of x. It has to be right for very large and very small x, too.
    """,
    equations="""
    σ(x)  = 1 / (1 + e⁻ˣ)
    slope = dσ/dx
    """,
    arguments={"x": "(N, C), the inputs"},
    results={"slope": "(N, C), the derivative of the sigmoid at each input"},
    truth=Values(lambda x: _slope(Sigmoid(), x), "slope"),
    inputs=lambda draw: {"x": 2 * draw.normal(4, 3)},
    traps=lambda draw: {"for inputs of 1000 and -1000": {"x": torch.tensor([[1000.0, -1000.0, 0.0]]).double()}},
    where={
        "slope": "Differentiate 1 / (1 + e⁻ˣ) by the chain rule, then write the result with σ(x) alone, without a "
        "quotient of exponentials, which overflows. Test yourself at x = 0, where σ is 1/2 and the slope is 1/4."
    },
    derivation="torchnet/layers/sigmoid.py",
    elementwise=True,
    praise="Right. The slope is never more than 1/4: twenty sigmoids in a row multiply a gradient by at most 10⁻¹². "
    "Next: relu_backward, whose slope is 1 or 0.",
    mistakes=(
        Mistake(
            "slope", "value instead of slope", lambda a: torch.sigmoid(a.x), "this is σ(x) itself, not its derivative"
        ),
        Mistake(
            "slope",
            "input instead of output",
            lambda a: a.x * (1 - a.x),
            "the formula looks like one in terms of the output y = σ(x), and you put in x",
        ),
        Mistake(
            "slope",
            "another function",
            lambda a: 1 - torch.sigmoid(a.x) ** 2,
            "this is the rule for tanh, whose derivative is 1 - y²; the sigmoid has another one",
        ),
        Mistake(
            "slope",
            "missing factor",
            lambda a: 1 - torch.sigmoid(a.x),
            "this is the derivative of log σ(x), that of σ(x) divided by σ(x): a factor is missing",
        ),
        *(
            Mistake("slope", "wrong factor", formula, "in terms of y = σ(x) there are two factors, and one is wrong")
            for formula in (
                lambda a: torch.sigmoid(a.x) ** 2,
                lambda a: torch.sigmoid(-a.x) ** 2,
                lambda a: torch.sigmoid(a.x) * (1 + torch.sigmoid(a.x)),
            )
        ),
    ),
)

RELU_BACKWARD = Task(
    name="relu_backward",
    level=1,
    title="the backward pass of ReLU",
    text="""
    The layer after this one sends back grad_output, the gradient of the loss with respect to y. Return the gradient
    with respect to x: upstream gradient times slope. At exactly 0, ReLU has no slope; use 0, as PyTorch does.
    """,
    equations="""
    y          = max(x, 0)
    grad_input = ∂L/∂x,   given   grad_output = ∂L/∂y
    """,
    arguments={"grad_output": "(N, C), the gradient of the output", "x": "(N, C), the input of the forward pass"},
    results={"grad_input": "(N, C), the gradient of the input"},
    truth=Gradients(lambda x: torch.relu(x), grad_input="x"),
    inputs=lambda draw: {"x": draw.normal(4, 3)},
    traps=lambda draw: {
        "where x is exactly 0": {"x": draw.normal(5, 3) * draw.mask(5, 3)},
        "for small x": {"x": 1e-9 * draw.normal(4, 3)},
    },
    where={
        "grad_input": "Ask for each element: which of the two, x or 0, is y? Only one of them lets a gradient through."
    },
    derivation="notebooks/02_a_layer_by_hand.ipynb, section 2",
    elementwise=True,
    praise="Right. A unit whose input is negative for every sample gets no gradient at all and never learns again: a "
    "dead ReLU. Next: linear_forward and linear_backward.",
    mistakes=(
        Mistake(
            "grad_input",
            "missing upstream gradient",
            lambda a: (a.x > 0).to(a.x.dtype),
            "this is the slope alone: the gradient that comes from the layer above is not in it",
            "The task names two factors: which of them is in your code?",
        ),
        Mistake(
            "grad_input",
            "wrong mask",
            lambda a: a.grad_output * (a.grad_output > 0),
            "you look at the sign of grad_output; what decides is the sign that the forward pass looked at",
        ),
        Mistake(
            "grad_input",
            "value instead of slope",
            lambda a: a.grad_output * torch.relu(a.x),
            "grad_output is multiplied by the value of ReLU, not by its slope",
            "Where x is positive, how much does y grow if x grows by 1? And where it is negative?",
        ),
        Mistake(
            "grad_input",
            "missing slope",
            lambda a: a.grad_output,
            "grad_output passes everywhere: the slope of ReLU is missing",
        ),
        Mistake(
            "grad_input",
            "wrong at zero",
            lambda a: a.grad_output * (a.x >= 0),
            "only the elements where x is exactly 0 are wrong: the slope there is taken as 1",
            "Compare > with >=.",
        ),
    ),
)


def _silu(x: Tensor, *, only: str | None = None) -> Tensor:
    return keep(x, "through the factor x", only) * torch.sigmoid(keep(x, "through the factor σ(x)", only))


SILU_BACKWARD = Task(
    name="silu_backward",
    level=2,
    title="the backward pass of SiLU, a smooth ReLU",
    text="""
    SiLU (or swish) is the input times its own sigmoid. Return the gradient with respect to x. Here x occurs twice. You
    may call torch.sigmoid.
    """,
    equations="""
    y          = x · σ(x)
    grad_input = ∂L/∂x,   given   grad_output = ∂L/∂y
    """,
    arguments={"grad_output": "(N, C), the gradient of the output", "x": "(N, C), the input of the forward pass"},
    results={"grad_input": "(N, C), the gradient of the input"},
    truth=Gradients(_silu, ("through the factor x", "through the factor σ(x)"), grad_input="x"),
    inputs=lambda draw: {"x": 2 * draw.normal(4, 3)},
    traps=lambda draw: {"for inputs of 1000 and -1000": {"x": torch.tensor([[1000.0, -1000.0, 0.0]]).double()}},
    where={
        "grad_input": "The derivative of a product has two terms: each factor is differentiated once while the other "
        "stays. You know the slope of σ from sigmoid_slope."
    },
    derivation="torchnet/layers/silu.py",
    elementwise=True,
    praise="Right. Far right the slope is 1, far left 0, and in between it is negative for a while: SiLU, unlike "
    "ReLU, is not monotonic. Next: residual_backward, where x also takes two ways.",
    mistakes=(
        Mistake(
            "grad_input",
            "product of slopes",
            lambda a: a.grad_output * torch.sigmoid(a.x) * torch.sigmoid(-a.x),
            "the derivative of a product is not the product of the derivatives",
        ),
        Mistake(
            "grad_input",
            "missing factor",
            lambda a: a.grad_output * torch.sigmoid(a.x) * (1 + a.x),
            "the second term needs the slope of σ, and has σ itself",
        ),
        Mistake(
            "grad_input",
            "wrong slope",
            lambda a: a.grad_output * torch.sigmoid(a.x) * (1 + a.x * torch.sigmoid(a.x)),
            "the slope of σ in the second term is not the one that you know from sigmoid_slope",
        ),
        Mistake(
            "grad_input",
            "missing factor",
            lambda a: a.grad_output * torch.sigmoid(a.x) * (1 + torch.sigmoid(-a.x)),
            "in the second term, the factor that is not differentiated is missing",
        ),
    ),
)

DROPOUT_BACKWARD = Task(
    name="dropout_backward",
    level=2,
    title="the backward pass of dropout",
    text="""
    In training, dropout sets each input to zero with probability p, and scales the others, so that the mean stays. The
    forward pass drew the mask, which is True where an input was kept. Return the gradient with respect to x.
    """,
    equations="""
    y          = x / (1 - p)   where mask is True,   0   elsewhere
    grad_input = ∂L/∂x,   given   grad_output = ∂L/∂y
    """,
    arguments={
        "grad_output": "(N, C), the gradient of the output",
        "mask": "(N, C), bool, True where x was kept",
        "p": "a number from 0 to 1, the probability of dropping",
    },
    results={"grad_input": "(N, C), the gradient of the input"},
    truth=Gradients(lambda x, mask, p: x * mask / (1 - p), grad_input="x"),
    inputs=lambda draw: {"x": draw.normal(4, 5), "mask": draw.mask(4, 5), "p": 0.2},
    where={
        "grad_input": "For each element, y is x times a number. Which number is it where mask is True, where False?"
    },
    derivation="torchnet/layers/dropout.py",
    elementwise=True,
    praise="Right. The backward pass uses the mask of the forward pass: a new one would train other units than those "
    "that made the prediction. Next: cross_entropy.",
    mistakes=(
        Mistake(
            "grad_input",
            "missing scale",
            lambda a: a.grad_output * a.mask,
            "the right elements are dropped, but the others are not scaled as in the forward pass",
        ),
        Mistake(
            "grad_input",
            "missing mask",
            lambda a: a.grad_output / (1 - a.p),
            "no element is dropped: the mask is missing",
        ),
        Mistake(
            "grad_input",
            "inverted mask",
            lambda a: a.grad_output * ~a.mask / (1 - a.p),
            "the elements that were kept get no gradient, the dropped ones get one",
        ),
        Mistake(
            "grad_input",
            "p instead of 1 - p",
            lambda a: a.grad_output * a.mask / a.p,
            "it is scaled by the probability of dropping, not of keeping",
        ),
    ),
)
