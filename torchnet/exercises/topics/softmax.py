"""Exercises: softmax and its logarithm without overflow, and the backward pass."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from torchnet.exercises.paths import keep
from torchnet.exercises.task import Mistake, Task
from torchnet.exercises.truth import Gradients, Values

_READ = "Read the equation part by part: the numerator, the exponents, and the sum by which each of them is divided."

SOFTMAX = Task(
    name="softmax",
    level=2,
    title="probabilities from logits, without overflow",
    text="""
    Turn each row of logits into probabilities that add up to 1. A network may return logits of any size: 1000 and
    -1000 must not give Inf or NaN.
    """,
    equations="""
    probabilities[n, c] = e^logits[n, c] / Σₖ e^logits[n, k]
    """,
    arguments={"logits": "(N, C), one row for each sample"},
    results={"probabilities": "(N, C), rows with the sum 1"},
    truth=Values(lambda logits: torch.softmax(logits, dim=1), "probabilities"),
    inputs=lambda draw: {"logits": 2 * draw.normal(4, 3)},
    traps=lambda draw: {
        "for logits near 1000": {"logits": 1000 + draw.normal(4, 3)},
        "for logits near -1000": {"logits": -1000 + draw.normal(4, 3)},
        "for logits that are far apart": {"logits": torch.tensor([[0.0, 1000.0, -1000.0]]).double()},
        "for rows of very different size": {"logits": draw.normal(3, 4) + torch.tensor([[0.0], [2000.0], [-2000.0]])},
        "for as many samples as classes": {"logits": draw.normal(3, 3)},
    },
    where={
        "probabilities": "Multiply numerator and denominator by the same number e⁻ᵐ: the quotient stays. Which m, for "
        "each row n, makes the largest exponent 0? And the sum in the denominator runs over k, the classes of one row."
    },
    derivation="notebooks/03_softmax_and_cross_entropy.ipynb, section 2",
    praise="Right. Adding the same number to all logits of a row changes nothing, so the largest one may be 0. "
    "Next: log_softmax, which must not take the log of this.",
    mistakes=(
        Mistake(
            "probabilities",
            "wrong axis",
            lambda a: torch.softmax(a.logits, dim=0),
            "the columns have the sum 1, not the rows: the sum runs over the samples",
        ),
        Mistake(
            "probabilities",
            "missing sum",
            lambda a: torch.exp(a.logits),
            "the exponentials are not divided by their sum",
            _READ,
        ),
        Mistake(
            "probabilities",
            "wrong axis",
            lambda a: a.logits.exp() / a.logits.exp().sum(),
            "the whole tensor has the sum 1, not each row: the sum runs over the samples, too",
        ),
        Mistake(
            "probabilities",
            "missing exponential",
            lambda a: a.logits / a.logits.sum(1, keepdim=True),
            "the logits are divided by their sum: the exponential is missing",
            _READ,
        ),
        Mistake(
            "probabilities",
            "sigmoid",
            lambda a: torch.sigmoid(a.logits),
            "this is the sigmoid of each logit by itself: the rows do not have the sum 1",
            _READ,
        ),
        Mistake(
            "probabilities",
            "sign",
            lambda a: torch.softmax(-a.logits, dim=1),
            "the exponents have the wrong sign: the largest logit gets the smallest probability",
            _READ,
        ),
        Mistake(
            "probabilities",
            "logarithm",
            lambda a: torch.log_softmax(a.logits, dim=1),
            "these are the logarithms of the probabilities",
            _READ,
        ),
    ),
)


def _log_with(epsilon: float, a: Any) -> Tensor:
    return torch.log(torch.softmax(a.logits, dim=1) + epsilon)


LOG_SOFTMAX = Task(
    name="log_softmax",
    level=2,
    title="the logarithm of softmax, without log(0)",
    text="""
    Return the logarithms of the softmax probabilities. A probability may be too small for a number of the computer,
    its logarithm is not: for the logits 0 and -1000, the second one is -1000, not -Inf.
    """,
    equations="""
    log_probabilities[n, c] = log(e^logits[n, c] / Σₖ e^logits[n, k])
    """,
    arguments={"logits": "(N, C), one row for each sample"},
    results={"log_probabilities": "(N, C)"},
    truth=Values(lambda logits: torch.log_softmax(logits, dim=1), "log_probabilities"),
    inputs=lambda draw: {"logits": 2 * draw.normal(4, 3)},
    traps=lambda draw: {
        "for logits near 1000": {"logits": 1000 + draw.normal(4, 3)},
        "for logits near -1000": {"logits": -1000 + draw.normal(4, 3)},
        "for logits that are far apart": {"logits": torch.tensor([[0.0, 1000.0, -1000.0]]).double()},
        "for the logits 0, -30 and -1000": {"logits": torch.tensor([[0.0, -30.0, -1000.0]]).double()},
    },
    where={
        "log_probabilities": "The logarithm of a quotient is a difference, and log e^z is z: no exponential is left "
        "but those in the sum. In the logarithm of the sum, take out the largest exponent of each row."
    },
    derivation="notebooks/03_softmax_and_cross_entropy.ipynb, section 4",
    praise="Right. Log and softmax belong together: computed one after the other, the loss of a confident mistake is "
    "infinite. Next: cross_entropy.",
    mistakes=(
        Mistake(
            "log_probabilities",
            "missing logarithm",
            lambda a: torch.softmax(a.logits, dim=1),
            "these are the probabilities",
        ),
        Mistake(
            "log_probabilities",
            "missing logarithm",
            lambda a: a.logits - a.logits.exp().sum(1, keepdim=True),
            "the sum is subtracted, not its logarithm",
        ),
        Mistake(
            "log_probabilities",
            "missing sum",
            lambda a: a.logits - a.logits.amax(1, keepdim=True),
            "the largest logit is subtracted, which is not the logarithm of the sum",
        ),
        Mistake(
            "log_probabilities",
            "wrong axis",
            lambda a: torch.log_softmax(a.logits, dim=0),
            "the sum runs over the samples, not over the classes",
        ),
        *(
            Mistake(
                "log_probabilities",
                "epsilon in the logarithm",
                partial(_log_with, epsilon),
                "a small number inside the logarithm hides log(0) and makes the small probabilities wrong",
            )
            for epsilon in (10.0**-digits for digits in range(5, 17))
        ),
    ),
)


def _softmax(logits: Tensor, *, only: str | None = None) -> Tensor:
    logits = logits - logits.amax(dim=1, keepdim=True).detach()
    exponentials = torch.exp(logits)
    total = keep(exponentials, "through the sum", only).sum(dim=1, keepdim=True)
    return keep(exponentials, "through the numerator", only) / total


SOFTMAX_BACKWARD = Task(
    name="softmax_backward",
    level=3,
    title="the backward pass of softmax",
    text="""
    Softmax couples the numbers of a row: each probability depends on every logit of its row. Return the gradient with
    respect to the logits. The logits are given and p is not; you may call torch.softmax. Do not build a matrix of C x C
    numbers for each sample: it is not needed.
    """,
    equations="""
    p[n, c]     = e^logits[n, c] / Σₖ e^logits[n, k]
    grad_logits = ∂L/∂logits,   given   grad_output = ∂L/∂p

    ∂p[n, c] / ∂logits[n, k] = p[n, c] · ([c = k] - p[n, k])        [c = k] is 1 if c = k, otherwise 0
    """,
    arguments={"grad_output": "(N, C), the gradient of p", "logits": "(N, C)"},
    results={"grad_logits": "(N, C), the gradient of the logits"},
    truth=Gradients(_softmax, ("through the numerator", "through the sum"), axis=1, grad_logits="logits"),
    inputs=lambda draw: {"logits": draw.normal(4, 3)},
    traps=lambda draw: {
        "for logits near 1000": {"logits": 1000 + draw.normal(4, 3)},
        "for as many samples as classes": {"logits": draw.normal(3, 3)},
    },
    where={
        "grad_logits": "Multiply the given derivative by grad_output[n, c] and add up over c. The bracket gives two "
        "terms; in the second one, a factor does not depend on c and goes in front of the sum. Test: each row of the "
        "gradient has the sum 0."
    },
    derivation="notebooks/07_your_own_kernel.ipynb, section 10",
    praise="Right. The same number is subtracted from grad_output in the whole row, a mean with the weights p. "
    "Next: attention_backward, which needs this in the middle.",
    mistakes=(
        Mistake(
            "grad_logits",
            "logits instead of probabilities",
            lambda a: a.logits * (a.grad_output - (a.grad_output * a.logits).sum(1, keepdim=True)),
            "the formula is right for probabilities, and you put in the logits",
            "Compare the arguments of the function with the letters in the equations: which of them is p?",
        ),
        Mistake(
            "grad_logits",
            "diagonal only",
            lambda a: a.grad_output * (p := torch.softmax(a.logits, 1)) * (1 - p),
            "only the derivatives with c = k are in it, as for a sigmoid: the other logits of the row are missing",
        ),
        Mistake(
            "grad_logits",
            "wrong axis",
            lambda a: (p := torch.softmax(a.logits, 1)) * (a.grad_output - (a.grad_output * p).sum(0, keepdim=True)),
            "the sum runs over the samples, not over the classes",
        ),
        Mistake(
            "grad_logits",
            "missing weights",
            lambda a: torch.softmax(a.logits, 1) * (a.grad_output - a.grad_output.sum(1, keepdim=True)),
            "the sum over c is of grad_output alone: a factor inside the sum is missing",
        ),
        Mistake(
            "grad_logits",
            "missing factor",
            lambda a: a.grad_output - (a.grad_output * torch.softmax(a.logits, 1)).sum(1, keepdim=True),
            "the sum is right, and a factor that both terms have is missing",
        ),
        Mistake(
            "grad_logits",
            "missing factor",
            lambda a: (g := a.grad_output * torch.softmax(a.logits, 1)) - g.sum(1, keepdim=True),
            "the sum is right, and a factor in front of it is missing",
        ),
    ),
)
