"""Exercises: softmax and losses, and how not to overflow."""

import torch

from torchnet.exercises.task import Mistake, Task
from torchnet.exercises.truth import Values

SOFTMAX = Task(
    name="softmax",
    level=2,
    title="softmax, stable",
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
        "for rows of very different size": {"logits": draw.normal(3, 4) + torch.tensor([[0.0], [2000.0], [-2000.0]])},
        "for as many samples as classes": {"logits": draw.normal(3, 3)},
    },
    where={
        "probabilities": "Multiply numerator and denominator by the same number e⁻ᵐ: the quotient stays. Which m, for "
        "each row n, makes the largest exponent 0? And the sum in the denominator runs over k, the classes of one row."
    },
    praise="Right. Adding the same number to all logits of a row changes nothing, so the largest one may be 0. "
    "Next: log_softmax, which must not take the log of this.",
    mistakes=(
        Mistake(
            "probabilities",
            "wrong axis",
            lambda logits: torch.softmax(logits, dim=0),
            "the columns have the sum 1, not the rows: the sum runs over the samples",
        ),
        Mistake(
            "probabilities",
            "missing sum",
            torch.exp,
            "the exponentials are not divided by their sum",
        ),
        Mistake(
            "probabilities",
            "wrong axis",
            lambda logits: logits.exp() / logits.exp().sum(),
            "the whole tensor has the sum 1, not each row: the sum runs over the samples, too",
        ),
        Mistake(
            "probabilities",
            "missing exponential",
            lambda logits: logits / logits.sum(1, keepdim=True),
            "the logits are divided by their sum: the exponential is missing",
        ),
        Mistake(
            "probabilities",
            "logarithm",
            lambda logits: torch.log_softmax(logits, dim=1),
            "these are the logarithms of the probabilities",
        ),
    ),
)
