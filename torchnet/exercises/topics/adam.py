"""Exercises: one step of Adam, and what it has in common with AdamW."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

from torchnet.exercises.task import Draw, Mistake, Task
from torchnet.exercises.truth import Case, Values


def step_of_torch(of_torch: Any, case: Mapping[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
    """Run one step of Adam or AdamW of PyTorch, which work in place."""
    weight, grad, exp_avg, exp_avg_sq, step = (
        case[name] for name in ("weight", "grad", "exp_avg", "exp_avg_sq", "step")
    )
    options = {name: case[name] for name in ("lr", "beta1", "beta2", "eps")}
    options |= {"weight_decay": case.get("weight_decay", 0.0), "amsgrad": False, "maximize": False, "foreach": False}
    of_torch([weight], [grad], [exp_avg], [exp_avg_sq], [], [torch.tensor(step - 1.0)], **options)
    return weight, exp_avg, exp_avg_sq


def inputs(draw: Draw, step: int = 3) -> Case:
    """Draw the arguments of a step."""
    case = {"weight": draw.normal(4, 3), "grad": draw.normal(4, 3)}
    case |= {"exp_avg": draw.normal(4, 3), "exp_avg_sq": draw.positive(4, 3)}
    return {**case, "step": step, "lr": 0.1, "beta1": 0.9, "beta2": 0.98, "eps": 1e-3}


def _first_step(draw: Draw) -> Case:
    nothing = {"exp_avg": torch.zeros(4, 3).double(), "exp_avg_sq": torch.zeros(4, 3).double()}
    return {**inputs(draw, step=1), **nothing, "grad": draw.normal(4, 3) * draw.mask(4, 3)}


def traps(draw: Draw) -> dict[str, Case]:
    """Draw the arguments of the first step, with some gradients of zero, and of a late one."""
    return {"at the first step": _first_step(draw), "at step 1000": inputs(draw, step=1000)}


ARGUMENTS = {
    "weight": "any shape",
    "grad": "that of weight",
    "exp_avg": "the mean of past gradients, before this step",
    "exp_avg_sq": "the mean of their squares, before this step",
    "step": "an integer, 1 at the first step",
    "lr": "a number",
    "beta1": "a number from 0 to 1",
    "beta2": "a number from 0 to 1",
    "eps": "a small number",
}
RESULTS = dict.fromkeys(("new_weight", "new_exp_avg", "new_exp_avg_sq"), "after this step")
WHERE = {
    "new_exp_avg_sq": "The mean of squares: beta2, and each element squared.",
    "new_exp_avg": "The mean of gradients: beta1, and the two factors have the sum 1.",
    "new_weight": "Both means begin at zero and are too small at first: each is divided by 1 - betaᵗ with its own "
    "beta, for this step only. Then look at where the root ends and where eps is.",
}


def with_changes(of_torch: Any, **changed: Callable[[Any], Any]) -> Callable[[Any], Tensor]:
    """Return the weight after a step of PyTorch with other arguments, each computed from the given ones."""

    def formula(a: Any) -> Tensor:
        case = {name: x.clone() if isinstance(x, Tensor) else x for name, x in vars(a).items()}
        return step_of_torch(of_torch, case | {name: change(a) for name, change in changed.items()})[0]

    return formula


def _with_eps_inside(a: Any) -> Tensor:
    """Return the mean of squares with which the root has eps under it."""
    return a.exp_avg_sq + a.eps * (1 - a.beta2**a.step) / a.beta2


def _without_root(a: Any) -> Tensor:
    """Return the mean of squares whose root is what would be under the root."""
    squares, correction = a.grad**2 * (1 - a.beta2), 1 - a.beta2**a.step
    return ((a.beta2 * a.exp_avg_sq + squares) ** 2 / correction - squares) / a.beta2


def _with_old_means(of_torch: Any) -> Callable[[Any], Tensor]:
    """Return the weight after a step that uses the means from before it: the update of the means is undone."""
    return with_changes(
        of_torch,
        step=lambda a: 10**9,
        exp_avg=lambda a: (a.exp_avg / (1 - a.beta1**a.step) - (1 - a.beta1) * a.grad) / a.beta1,
        exp_avg_sq=lambda a: (a.exp_avg_sq / (1 - a.beta2**a.step) - (1 - a.beta2) * a.grad**2) / a.beta2,
    )


def _uncorrected(a: Any, mean: str, beta: float, added: Tensor) -> Tensor:
    """Return a mean that is right after the update without being corrected."""
    added = (1 - beta) * added
    return ((beta * getattr(a, mean) + added) * (1 - beta**a.step) - added) / beta


def mistakes_in_weight(of_torch: Any) -> tuple[Mistake, ...]:
    """Return the mistakes that a step of Adam and one of AdamW can have."""
    change = partial(with_changes, of_torch)
    off = "off by one, in the bias correction: step is 1 at the first one"
    return (
        Mistake(
            "new_weight",
            "missing bias correction",
            change(step=lambda a: 10**9),
            "the means are not divided by 1 - beta^step: the first steps have the wrong size",
        ),
        Mistake(
            "new_weight",
            "missing bias correction",
            change(exp_avg_sq=lambda a: _uncorrected(a, "exp_avg_sq", a.beta2, a.grad**2)),
            "the mean of squares is not divided by 1 - beta2^step",
        ),
        Mistake(
            "new_weight",
            "missing bias correction",
            change(exp_avg=lambda a: _uncorrected(a, "exp_avg", a.beta1, a.grad)),
            "the mean of gradients is not divided by 1 - beta1^step",
        ),
        Mistake("new_weight", "missing learning rate", change(lr=lambda a: 1.0), "the step has no factor lr"),
        Mistake("new_weight", "old means", _with_old_means(of_torch), "the means from before this step are used"),
        Mistake("new_weight", "step off by one", change(step=lambda a: a.step + 1), f"one too many, {off}"),
        Mistake("new_weight", "step off by one", change(step=lambda a: a.step - 1 or 10**9), f"one too few, {off}"),
        Mistake(
            "new_weight",
            "epsilon inside the root",
            change(eps=lambda a: 0.0, exp_avg_sq=_with_eps_inside),
            "eps is added before the root is taken, not after",
        ),
        Mistake(
            "new_weight",
            "missing root",
            change(exp_avg_sq=_without_root),
            "it is divided by the mean of squares, not by its root",
        ),
        Mistake("new_weight", "sign", change(lr=lambda a: -a.lr), "it moves along the gradient, and the loss grows"),
    )


MISTAKES_IN_MEANS = (
    Mistake(
        "new_exp_avg_sq",
        "missing square",
        lambda a: a.beta2 * a.exp_avg_sq + (1 - a.beta2) * a.grad,
        "it is a mean of gradients, not of their squares",
    ),
    Mistake(
        "new_exp_avg_sq",
        "betas exchanged",
        lambda a: a.beta1 * a.exp_avg_sq + (1 - a.beta1) * a.grad * a.grad,
        "it is computed with beta1",
    ),
    Mistake("new_exp_avg_sq", "not updated", lambda a: a.exp_avg_sq, "it is returned as it was"),
    Mistake("new_exp_avg", "not updated", lambda a: a.exp_avg, "it is returned as it was"),
    Mistake(
        "new_exp_avg",
        "missing factor",
        lambda a: a.beta1 * a.exp_avg + a.grad,
        "this is the velocity of momentum; here grad has a factor, so that it is a mean",
    ),
    Mistake(
        "new_exp_avg",
        "corrected mean kept",
        lambda a: (a.beta1 * a.exp_avg + (1 - a.beta1) * a.grad) / (1 - a.beta1**a.step),
        "the corrected mean is for this step only; the mean that is kept is not corrected",
    ),
)

ADAM_STEP = Task(
    name="adam_step",
    level=3,
    title="one step of Adam",
    text="""
    Adam keeps a mean of past gradients and of their squares, and divides one by the root of the other, so that each
    element moves by about lr. Return the new weight and both new means as new tensors.
    """,
    equations="""
    new_exp_avg    = beta1 · exp_avg + (1 - beta1) · grad
    new_exp_avg_sq = beta2 · exp_avg_sq + (1 - beta2) · grad²

    m = new_exp_avg / (1 - beta1^step)        v = new_exp_avg_sq / (1 - beta2^step)

    new_weight = weight - lr · m / (√v + eps)
    """,
    arguments=ARGUMENTS,
    results=RESULTS,
    truth=Values(lambda **case: step_of_torch(adam, case), *RESULTS),
    inputs=inputs,
    traps=traps,
    where=WHERE,
    derivation="notebooks/06_from_sgd_to_adamw.ipynb, section 5",
    praise="Right. At the first step m / √v is the sign of the gradient: each element moves by lr, however small its "
    "gradient is. Next: adamw_step.",
    mistakes=(
        *MISTAKES_IN_MEANS,
        *mistakes_in_weight(adam),
    ),
)
