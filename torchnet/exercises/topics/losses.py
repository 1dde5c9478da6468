"""Exercises: losses, with the gradient at which every backward pass begins."""

import torch
from torch.nn.functional import one_hot

from torchnet import losses
from torchnet.exercises.task import Mistake, Task
from torchnet.exercises.truth import Values

MEAN_SQUARED_ERROR = Task(
    name="mean_squared_error",
    level=1,
    title="the mean squared error and its gradient",
    text="""
    Return the loss and its gradient with respect to the predictions. The mean is over all N C numbers, as in PyTorch.
    """,
    equations="""
    loss = 1/(N C) Σₙ Σ_c (predictions[n, c] - targets[n, c])²

    grad_predictions = ∂loss/∂predictions
    """,
    arguments={"predictions": "(N, C)", "targets": "(N, C)"},
    results={"loss": "(), one number", "grad_predictions": "(N, C)"},
    truth=Values(
        lambda predictions, targets: losses.mean_squared_error(predictions, targets),
        "loss",
        "grad_predictions",
        is_loss=True,
    ),
    inputs=lambda draw: {"predictions": draw.normal(5, 3), "targets": draw.normal(5, 3)},
    where={
        "loss": "Count how many squares are added up; the mean divides by this number.",
        "grad_predictions": "Each prediction is in exactly one square. Differentiate this square, and keep the factor "
        "that stands in front of the sum.",
    },
    derivation="torchnet/losses/squared_error.py",
    praise="Right. The gradient is proportional to the error: one wild outlier outweighs many small errors. "
    "Next: linear_backward, which takes such a gradient back to the weights.",
    mistakes=(
        Mistake(
            "loss",
            "missing mean",
            lambda a: ((a.predictions - a.targets) ** 2).sum(),
            "it is the sum of the squares, not their mean",
        ),
        Mistake(
            "loss",
            "wrong mean",
            lambda a: ((a.predictions - a.targets) ** 2).sum(1).mean(),
            "the mean is over the N samples, not over all N C numbers",
        ),
        Mistake(
            "loss",
            "missing square",
            lambda a: (a.predictions - a.targets).abs().mean(),
            "it is the mean of the absolute differences: the square is missing",
            "Compare the exponents in the definition of the loss with those in your code.",
        ),
        Mistake(
            "loss",
            "square root",
            lambda a: ((a.predictions - a.targets) ** 2).mean().sqrt(),
            "it is the square root of the mean",
            "Compare the definition of the loss with your code from the outside to the inside.",
        ),
    ),
)

CROSS_ENTROPY = Task(
    name="cross_entropy",
    level=3,
    title="softmax cross-entropy and its gradient",
    text="""
    Return the loss of a classifier, and its gradient with respect to the logits. targets has the right class of each
    sample as an integer. The mean has a factor 1/N, which is in the gradient, too. Logits may be 1000.
    """,
    equations="""
    p[n, c] = e^logits[n, c] / Σₖ e^logits[n, k]
    loss    = -1/N Σₙ log p[n, targets[n]]

    grad_logits = ∂loss/∂logits
    """,
    arguments={"logits": "(N, C)", "targets": "(N,), int64, the class of each sample"},
    results={"loss": "(), one number", "grad_logits": "(N, C)"},
    truth=Values(lambda logits, targets: losses.cross_entropy(logits, targets), "loss", "grad_logits", is_loss=True),
    inputs=lambda draw: {"logits": 2 * draw.normal(5, 3), "targets": draw.classes(5, 3)},
    traps=lambda draw: {
        "for logits near 1000": {"logits": 1000 + draw.normal(4, 3), "targets": draw.classes(4, 3)},
        "for logits that are far apart": {
            "logits": torch.tensor([[0.0, 1000.0, -1000.0]]).double(),
            "targets": torch.tensor([1]),
        },
        "for a confident mistake": {
            "logits": torch.tensor([[0.0, -1000.0, 5.0], [1.0, 2.0, 3.0]]).double(),
            "targets": torch.tensor([1, 0]),
        },
    },
    where={
        "loss": "Only one logarithm a sample is in the loss, that of its target class. Take it from log_softmax, which "
        "never takes the log of a probability.",
        "grad_logits": "log p of the target is the target's logit minus the logarithm of a sum over all classes k. "
        "Differentiate both by logits[n, k]: the second gives something for every class, the first for one. Test: "
        "each row of the gradient has the sum 0.",
    },
    derivation="notebooks/03_softmax_and_cross_entropy.ipynb, section 5",
    praise="Right. No logit gets a gradient larger than 1/N: a confident mistake teaches a lot, but not infinitely "
    "much. Next: softmax_backward, where the loss is not known.",
    mistakes=(
        Mistake(
            "loss",
            "missing mean",
            lambda a: -torch.log_softmax(a.logits, 1)[range(len(a.targets)), a.targets].sum(),
            "it is the sum over the samples, not the mean",
            "The terms are right. Look at what stands in front of Σ in the definition of the loss.",
        ),
        Mistake(
            "loss",
            "all classes",
            lambda a: -torch.log_softmax(a.logits, 1).sum(1).mean(),
            "the logarithms of all classes are in it, not only those of the targets",
        ),
        Mistake(
            "loss",
            "missing logarithm",
            lambda a: -torch.softmax(a.logits, 1)[range(len(a.targets)), a.targets].mean(),
            "the probabilities of the targets are in it, not their logarithms",
        ),
        Mistake(
            "loss",
            "missing softmax",
            lambda a: -a.logits[range(len(a.targets)), a.targets].mean(),
            "the logits of the targets are in it, not their log probabilities",
        ),
        Mistake(
            "grad_logits",
            "missing target",
            lambda a: torch.softmax(a.logits, 1) / len(a.targets),
            "these are the probabilities over N: the gradient does not know which class is right",
        ),
        Mistake(
            "grad_logits",
            "gradient of the probabilities",
            lambda a: -one_hot(a.targets, a.logits.shape[1]) / torch.softmax(a.logits, 1) / len(a.targets),
            "it is the gradient with respect to the probabilities: the way back through softmax is missing",
        ),
    ),
)
