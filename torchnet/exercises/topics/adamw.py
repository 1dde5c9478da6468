"""Exercise: one step of AdamW."""

from torch.optim.adamw import adamw

from torchnet.exercises.task import Mistake, Task
from torchnet.exercises.topics.adam import (
    ARGUMENTS,
    MISTAKES_IN_MEANS,
    RESULTS,
    WHERE,
    inputs,
    mistakes_in_weight,
    step_of_torch,
    traps,
    with_changes,
)
from torchnet.exercises.truth import Values

_ARGUMENTS = {**ARGUMENTS, "weight_decay": "a number"}

ADAMW_STEP = Task(
    name="adamw_step",
    level=3,
    title="one step of AdamW, Adam with decoupled weight decay",
    text="""
    AdamW lets each weight shrink by itself, beside the step of Adam: the decay is not added to the gradient, where Adam
    would divide it by the root of the squares. Return the new weight and both new means as new tensors.
    """,
    equations="""
        new_exp_avg    = beta1 · exp_avg + (1 - beta1) · grad
    new_exp_avg_sq = beta2 · exp_avg_sq + (1 - beta2) · grad²

    m = new_exp_avg / (1 - beta1^step)        v = new_exp_avg_sq / (1 - beta2^step)

    new_weight = weight - lr · weight_decay · weight - lr · m / (√v + eps)
    """,
    arguments=_ARGUMENTS,
    results=RESULTS,
    truth=Values(lambda **case: step_of_torch(adamw, case), *RESULTS),
    inputs=lambda draw: {**inputs(draw), "weight_decay": 0.3},
    traps=lambda draw: {where: {**case, "weight_decay": 0.3} for where, case in traps(draw).items()},
    where={
        **WHERE,
        "new_weight": "Two things are subtracted from the weight, and both have the factor lr. The decay is taken of "
        "the weight before this step. The rest is adam_step.",
    },
    derivation="notebooks/06_from_sgd_to_adamw.ipynb, section 6",
    praise="Right. With Adam's decay, a weight with large gradients would hardly decay; with this one, all shrink by "
    "the same factor. It is the standard for transformers. Next: batch_norm_backward.",
    mistakes=(
        *MISTAKES_IN_MEANS,
        *mistakes_in_weight(adamw),
        Mistake(
            "new_exp_avg",
            "coupled decay",
            lambda a: a.beta1 * a.exp_avg + (1 - a.beta1) * (a.grad + a.weight_decay * a.weight),
            "the decay is added to the gradient, as in Adam with an L2 penalty",
        ),
        Mistake(
            "new_exp_avg_sq",
            "coupled decay",
            lambda a: a.beta2 * a.exp_avg_sq + (1 - a.beta2) * (a.grad + a.weight_decay * a.weight) ** 2,
            "the decay is added to the gradient, as in Adam with an L2 penalty",
        ),
        Mistake(
            "new_weight",
            "missing decay",
            with_changes(adamw, weight_decay=lambda a: 0.0),
            "the weight does not decay at all",
        ),
        Mistake(
            "new_weight",
            "missing learning rate",
            with_changes(adamw, weight_decay=lambda a: a.weight_decay / a.lr),
            "the decay has no factor lr",
        ),
        Mistake(
            "new_weight",
            "decay sign",
            with_changes(adamw, weight_decay=lambda a: -a.weight_decay),
            "the weight grows instead of shrinking: the decay has the wrong sign",
        ),
        Mistake(
            "new_weight",
            "decay after the step",
            lambda a: with_changes(adamw, weight_decay=lambda a: 0.0)(a) * (1 - a.lr * a.weight_decay),
            "the decay is taken of the weight after the step of Adam",
        ),
    ),
)
