"""Exercises: one step of Adam and of AdamW."""

from collections.abc import Callable, Iterable, Mapping
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


def _with(step_of_torch: Any, arguments: Iterable[str], **changed: Callable[[dict[str, Any]], Any]) -> Formula:
    """Return the weight after a step of PyTorch with other arguments, each computed from all."""

    def formula(*given: Any) -> Tensor:
        case = {name: x.clone() if isinstance(x, Tensor) else x for name, x in zip(arguments, given, strict=True)}
        return _of_torch(step_of_torch, case | {name: change(case) for name, change in changed.items()})[0]

    return formula


def _with_eps_inside(case: dict[str, Any]) -> Tensor:
    """Return the mean of squares with which the root has eps under it."""
    beta2 = case["beta2"]
    return case["exp_avg_sq"] + case["eps"] * (1 - beta2 ** case["step"]) / beta2


_adam_with = partial(_with, adam, tuple(_ADAM_ARGUMENTS))

_MISTAKES_OF_MEANS = (
    Mistake(
        "exp_avg_sq",
        "missing square",
        lambda w, grad, exp_avg, exp_avg_sq, step, lr, beta1, beta2, *rest: beta2 * exp_avg_sq + (1 - beta2) * grad,
        "it is a mean of gradients, not of their squares",
    ),
    Mistake(
        "exp_avg_sq",
        "betas exchanged",
        lambda w, grad, exp_avg, exp_avg_sq, step, lr, beta1, *rest: beta1 * exp_avg_sq + (1 - beta1) * grad * grad,
        "it is computed with beta1",
    ),
    Mistake(
        "exp_avg",
        "missing factor",
        lambda w, grad, exp_avg, exp_avg_sq, step, lr, beta1, *rest: beta1 * exp_avg + grad,
        "this is the velocity of momentum; here grad has a factor, so that it is a mean",
    ),
    Mistake(
        "exp_avg",
        "corrected mean kept",
        lambda w, grad, exp_avg, exp_avg_sq, step, lr, beta1, *rest: (
            (beta1 * exp_avg + (1 - beta1) * grad) / (1 - beta1**step)
        ),
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
        Mistake(
            "weight",
            "missing bias correction",
            _adam_with(step=lambda case: 10**9),
            "the means are not divided by 1 - beta^step: the first steps have the wrong size",
        ),
        Mistake(
            "weight",
            "step off by one",
            _adam_with(step=lambda case: case["step"] + 1),
            "the correction is that of the next step: step is 1 at the first one",
        ),
        Mistake(
            "weight",
            "step off by one",
            _adam_with(step=lambda case: case["step"] - 1 or 10**9),
            "the correction is that of the step before: step is 1 at the first one",
        ),
        Mistake(
            "weight",
            "epsilon inside the root",
            _adam_with(eps=lambda case: 0.0, exp_avg_sq=_with_eps_inside),
            "eps is added before the root is taken, not after",
        ),
        Mistake(
            "weight",
            "sign",
            _adam_with(lr=lambda case: -case["lr"]),
            "it moves along the gradient, and the loss grows",
        ),
    ),
)

_ADAMW_ARGUMENTS = {**_ADAM_ARGUMENTS, "weight_decay": "a number"}
_adamw_with = partial(_with, adamw, tuple(_ADAMW_ARGUMENTS))

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
        Mistake(
            "exp_avg",
            "coupled decay",
            lambda weight, grad, exp_avg, exp_avg_sq, step, lr, beta1, beta2, eps, decay: (
                beta1 * exp_avg + (1 - beta1) * (grad + decay * weight)
            ),
            "the decay is added to the gradient, as in Adam with an L2 penalty",
        ),
        Mistake(
            "exp_avg_sq",
            "coupled decay",
            lambda weight, grad, exp_avg, exp_avg_sq, step, lr, beta1, beta2, eps, decay: (
                beta2 * exp_avg_sq + (1 - beta2) * (grad + decay * weight) ** 2
            ),
            "the decay is added to the gradient, as in Adam with an L2 penalty",
        ),
        Mistake(
            "weight", "missing decay", _adamw_with(weight_decay=lambda case: 0.0), "the weight does not decay at all"
        ),
        Mistake(
            "weight",
            "missing learning rate",
            _adamw_with(weight_decay=lambda case: case["weight_decay"] / case["lr"]),
            "the decay has no factor lr",
        ),
        Mistake(
            "weight",
            "missing bias correction",
            _adamw_with(step=lambda case: 10**9),
            "the means are not divided by 1 - beta^step: the first steps have the wrong size",
        ),
        Mistake(
            "weight",
            "epsilon inside the root",
            _adamw_with(eps=lambda case: 0.0, exp_avg_sq=_with_eps_inside),
            "eps is added before the root is taken, not after",
        ),
        Mistake(
            "weight",
            "decay sign",
            _adamw_with(weight_decay=lambda case: -case["weight_decay"]),
            "the weight grows instead of shrinking: the decay has the wrong sign",
        ),
    ),
)
