"""Exercises: one step of Adam and of AdamW."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.adamw import adamw

from torchnet.exercises.task import Draw, Mistake, Task
from torchnet.exercises.truth import Case, Values

Formula = Callable[..., Tensor]


def _of_torch(step_of_torch: Any, case: Mapping[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
    """Run one step of Adam or AdamW of PyTorch, which work in place."""
    weight, grad, exp_avg, exp_avg_sq, step = (
        case[name] for name in ("weight", "grad", "exp_avg", "exp_avg_sq", "step")
    )
    options = {name: case[name] for name in ("lr", "beta1", "beta2", "eps")}
    options |= {"weight_decay": case.get("weight_decay", 0.0), "amsgrad": False, "maximize": False, "foreach": False}
    step_of_torch([weight], [grad], [exp_avg], [exp_avg_sq], [], [torch.tensor(step - 1.0)], **options)
    return weight, exp_avg, exp_avg_sq


def _adam_inputs(draw: Draw, step: int = 3, size: float = 1.0) -> Case:
    case = {"weight": draw.normal(4, 3), "grad": size * draw.normal(4, 3)}
    case |= {"exp_avg": size * draw.normal(4, 3), "exp_avg_sq": size**2 * draw.positive(4, 3)}
    return {**case, "step": step, "lr": 0.1, "beta1": 0.9, "beta2": 0.98, "eps": 1e-3}


def _first_step(draw: Draw) -> Case:
    nothing = {"exp_avg": torch.zeros(4, 3).double(), "exp_avg_sq": torch.zeros(4, 3).double()}
    return {**_adam_inputs(draw, step=1), **nothing, "grad": draw.normal(4, 3) * draw.mask(4, 3)}


def _adam_traps(draw: Draw) -> dict[str, Case]:
    return {"at the first step": _first_step(draw), "at step 1000": _adam_inputs(draw, step=1000)}


_ADAM_ARGUMENTS = {
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
_ADAM_RESULTS = dict.fromkeys(("weight", "exp_avg", "exp_avg_sq"), "after this step")
_ADAM_WHERE = {
    "exp_avg_sq": "The mean of squares: beta2, and each element squared.",
    "exp_avg": "The mean of gradients: beta1, and the two factors have the sum 1.",
    "weight": "Both means begin at zero and are too small at first: each is divided by 1 - betaᵗ with its own beta, "
    "for this step only. Then look at where the root ends and where eps is.",
}


def _with(step_of_torch: Any, **changed: Callable[[Any], Any]) -> Callable[[Any], Tensor]:
    """Return the weight after a step of PyTorch with other arguments, each computed from the given ones."""

    def formula(a: Any) -> Tensor:
        case = {name: x.clone() if isinstance(x, Tensor) else x for name, x in vars(a).items()}
        return _of_torch(step_of_torch, case | {name: change(a) for name, change in changed.items()})[0]

    return formula


def _with_eps_inside(a: Any) -> Tensor:
    """Return the mean of squares with which the root has eps under it."""
    return a.exp_avg_sq + a.eps * (1 - a.beta2**a.step) / a.beta2


def _without_root(a: Any) -> Tensor:
    """Return the mean of squares whose root is what would be under the root."""
    squares, correction = a.grad**2 * (1 - a.beta2), 1 - a.beta2**a.step
    return ((a.beta2 * a.exp_avg_sq + squares) ** 2 / correction - squares) / a.beta2


def _mistakes_in_weight(step_of_torch: Any) -> tuple[Mistake, ...]:
    change = partial(_with, step_of_torch)
    off = "off by one, in the bias correction: step is 1 at the first one"
    return (
        Mistake(
            "weight",
            "missing bias correction",
            change(step=lambda a: 10**9),
            "the means are not divided by 1 - beta^step: the first steps have the wrong size",
        ),
        Mistake("weight", "step off by one", change(step=lambda a: a.step + 1), f"one too many, {off}"),
        Mistake("weight", "step off by one", change(step=lambda a: a.step - 1 or 10**9), f"one too few, {off}"),
        Mistake(
            "weight",
            "epsilon inside the root",
            change(eps=lambda a: 0.0, exp_avg_sq=_with_eps_inside),
            "eps is added before the root is taken, not after",
        ),
        Mistake(
            "weight",
            "missing root",
            change(exp_avg_sq=_without_root),
            "it is divided by the mean of squares, not by its root",
        ),
        Mistake("weight", "sign", change(lr=lambda a: -a.lr), "it moves along the gradient, and the loss grows"),
    )


_MISTAKES_OF_MEANS = (
    Mistake(
        "exp_avg_sq",
        "missing square",
        lambda a: a.beta2 * a.exp_avg_sq + (1 - a.beta2) * a.grad,
        "it is a mean of gradients, not of their squares",
    ),
    Mistake(
        "exp_avg_sq",
        "betas exchanged",
        lambda a: a.beta1 * a.exp_avg_sq + (1 - a.beta1) * a.grad * a.grad,
        "it is computed with beta1",
    ),
    Mistake("exp_avg_sq", "not updated", lambda a: a.exp_avg_sq, "it is returned as it was"),
    Mistake("exp_avg", "not updated", lambda a: a.exp_avg, "it is returned as it was"),
    Mistake(
        "exp_avg",
        "missing factor",
        lambda a: a.beta1 * a.exp_avg + a.grad,
        "this is the velocity of momentum; here grad has a factor, so that it is a mean",
    ),
    Mistake(
        "exp_avg",
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
    exp_avg    ← beta1 exp_avg + (1 - beta1) grad
    exp_avg_sq ← beta2 exp_avg_sq + (1 - beta2) grad²

    m = exp_avg / (1 - beta1^step)        v = exp_avg_sq / (1 - beta2^step)

    weight ← weight - lr m / (√v + eps)
    """,
    arguments=_ADAM_ARGUMENTS,
    results=_ADAM_RESULTS,
    truth=Values(lambda **case: _of_torch(adam, case), *_ADAM_RESULTS),
    inputs=_adam_inputs,
    traps=_adam_traps,
    where=_ADAM_WHERE,
    praise="Right. At the first step m / √v is the sign of the gradient: each element moves by lr, however small its "
    "gradient is. Next: adamw_step.",
    mistakes=(
        *_MISTAKES_OF_MEANS,
        *_mistakes_in_weight(adam),
    ),
)

_ADAMW_ARGUMENTS = {**_ADAM_ARGUMENTS, "weight_decay": "a number"}

ADAMW_STEP = Task(
    name="adamw_step",
    level=3,
    title="one step of AdamW, Adam with decoupled weight decay",
    text="""
    AdamW lets each weight shrink by itself, beside the step of Adam: the decay is not added to the gradient, where Adam
    would divide it by the root of the squares. Return the new weight and both new means as new tensors.
    """,
    equations="""
    weight     ← weight - lr weight_decay weight

    exp_avg    ← beta1 exp_avg + (1 - beta1) grad
    exp_avg_sq ← beta2 exp_avg_sq + (1 - beta2) grad²

    m = exp_avg / (1 - beta1^step)        v = exp_avg_sq / (1 - beta2^step)

    weight ← weight - lr m / (√v + eps)
    """,
    arguments=_ADAMW_ARGUMENTS,
    results=_ADAM_RESULTS,
    truth=Values(lambda **case: _of_torch(adamw, case), *_ADAM_RESULTS),
    inputs=lambda draw: {**_adam_inputs(draw), "weight_decay": 0.3},
    traps=lambda draw: {where: {**case, "weight_decay": 0.3} for where, case in _adam_traps(draw).items()},
    where={
        **_ADAM_WHERE,
        "weight": "Two things are subtracted from the weight, and both have the factor lr. The decay is taken of the "
        "weight before this step. The rest is adam_step.",
    },
    praise="Right. With Adam's decay, a weight with large gradients would hardly decay; with this one, all shrink by "
    "the same factor. It is the standard for transformers. Next: batch_norm_backward.",
    mistakes=(
        *_MISTAKES_OF_MEANS,
        *_mistakes_in_weight(adamw),
        Mistake(
            "exp_avg",
            "coupled decay",
            lambda a: a.beta1 * a.exp_avg + (1 - a.beta1) * (a.grad + a.weight_decay * a.weight),
            "the decay is added to the gradient, as in Adam with an L2 penalty",
        ),
        Mistake(
            "exp_avg_sq",
            "coupled decay",
            lambda a: a.beta2 * a.exp_avg_sq + (1 - a.beta2) * (a.grad + a.weight_decay * a.weight) ** 2,
            "the decay is added to the gradient, as in Adam with an L2 penalty",
        ),
        Mistake(
            "weight", "missing decay", _with(adamw, weight_decay=lambda a: 0.0), "the weight does not decay at all"
        ),
        Mistake(
            "weight",
            "missing learning rate",
            _with(adamw, weight_decay=lambda a: a.weight_decay / a.lr),
            "the decay has no factor lr",
        ),
        Mistake(
            "weight",
            "decay sign",
            _with(adamw, weight_decay=lambda a: -a.weight_decay),
            "the weight grows instead of shrinking: the decay has the wrong sign",
        ),
        Mistake(
            "weight",
            "decay after the step",
            lambda a: _with(adamw, weight_decay=lambda a: 0.0)(a) * (1 - a.lr * a.weight_decay),
            "the decay is taken of the weight after the step of Adam",
        ),
    ),
)
