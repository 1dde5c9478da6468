"""Exercises: gradient descent with momentum, and gradient clipping."""

import torch
from torch import Tensor

from torchnet import clipping
from torchnet.exercises.task import Draw, Mistake, Task
from torchnet.exercises.truth import Case, Values
from torchnet.optimizers import SGD


def _weight_with_grad(weight: Tensor, grad: Tensor) -> Tensor:
    weight.grad = grad
    return weight


def _sgd(weight: Tensor, grad: Tensor, velocity: Tensor, lr: float, momentum: float) -> tuple[Tensor, Tensor]:
    optimizer = SGD([_weight_with_grad(weight, grad)], lr=lr, momentum=momentum)
    optimizer.state[weight]["momentum_buffer"] = velocity
    optimizer.step()
    return weight, velocity


SGD_MOMENTUM_STEP = Task(
    name="sgd_momentum_step",
    level=2,
    title="one step of gradient descent with momentum",
    text="""
    Move a weight against its gradient, with momentum: the velocity sums up past gradients, the older the less. Return
    the new weight and the new velocity as new tensors. The equations are those of torch.optim.SGD; other books put the
    learning rate elsewhere.
    """,
    equations="""
    new_velocity = momentum · velocity + grad
    new_weight   = weight - lr · new_velocity
    """,
    arguments={
        "weight": "any shape",
        "grad": "that of weight",
        "velocity": "that of weight, before this step",
        "lr": "a number, the learning rate",
        "momentum": "a number from 0 to 1",
    },
    results={"new_weight": "after this step", "new_velocity": "after this step"},
    truth=Values(_sgd, "new_weight", "new_velocity"),
    inputs=lambda draw: {
        "weight": draw.normal(4, 3),
        "grad": draw.normal(4, 3),
        "velocity": draw.normal(4, 3),
        "lr": 0.05,
        "momentum": 0.9,
    },
    where={
        "new_velocity": "Read the first equation from left to right: which factor belongs to which tensor?",
        "new_weight": "The second line comes after the first: which velocity is it, and in which direction does a loss "
        "fall?",
    },
    derivation="notebooks/06_from_sgd_to_adamw.ipynb, section 2",
    elementwise=True,
    praise="Right. With a constant gradient the velocity grows to grad / (1 - momentum): momentum 0.9 makes steps ten "
    "times as long. Next: adam_step, which also scales each element.",
    mistakes=(
        Mistake(
            "new_velocity",
            "dampening",
            lambda a: a.momentum * a.velocity + (1 - a.momentum) * a.grad,
            "this is a moving average; here grad has the factor 1",
        ),
        Mistake(
            "new_velocity",
            "learning rate in the velocity",
            lambda a: a.momentum * a.velocity + a.lr * a.grad,
            "lr belongs in the second equation only",
        ),
        Mistake(
            "new_velocity",
            "learning rate in the velocity",
            lambda a: a.momentum * a.velocity - a.lr * a.grad,
            "this is another convention, in which the velocity is added to the weight; here lr is in the second "
            "equation",
        ),
        Mistake(
            "new_velocity",
            "missing momentum",
            lambda a: a.velocity + a.grad,
            "the old velocity is kept whole: nothing is ever forgotten",
        ),
        Mistake(
            "new_weight",
            "old velocity",
            lambda a: a.weight - a.lr * a.velocity,
            "the velocity from before this step is used",
        ),
        Mistake(
            "new_weight",
            "sign",
            lambda a: a.weight + a.lr * (a.momentum * a.velocity + a.grad),
            "it moves along the gradient, and the loss grows",
        ),
        Mistake(
            "new_weight",
            "missing velocity",
            lambda a: a.weight - a.lr * a.grad,
            "it is a step without momentum: the velocity is not used",
        ),
        Mistake(
            "new_weight",
            "look ahead",
            lambda a: a.weight - a.lr * (a.grad + a.momentum * (a.momentum * a.velocity + a.grad)),
            "this is Nesterov's variant, which looks one step ahead",
        ),
    ),
)


def _clip(grad_weight: Tensor, grad_bias: Tensor, max_norm: float) -> tuple[Tensor, Tensor]:
    weights = [_weight_with_grad(torch.empty_like(grad), grad) for grad in (grad_weight, grad_bias)]
    clipping.clip_by_norm(weights, max_norm)
    return grad_weight, grad_bias


def _clip_inputs(draw: Draw, size: float = 1.0) -> Case:
    return {"grad_weight": size * draw.normal(4, 3), "grad_bias": size * draw.normal(4), "max_norm": 1.0}


CLIP_BY_NORM = Task(
    name="clip_by_norm",
    level=2,
    title="gradient clipping by the norm of all gradients",
    text="""
    A single batch can have gradients so large that the step throws everything away. Scale all gradients by one factor,
    so that their norm together is at most max_norm. Gradients that are small enough stay as they are. Return new
    tensors.
    """,
    equations="""
    norm   = √(Σ grad_weight² + Σ grad_bias²)        over all elements of both tensors
    factor = min(1, max_norm / (norm + 10⁻⁶))

    clipped_weight = factor · grad_weight,   clipped_bias = factor · grad_bias
    """,
    arguments={"grad_weight": "any shape", "grad_bias": "any shape", "max_norm": "a number above 0"},
    results={"clipped_weight": "the shape of grad_weight", "clipped_bias": "the shape of grad_bias"},
    truth=Values(_clip, "clipped_weight", "clipped_bias"),
    inputs=_clip_inputs,
    traps=lambda draw: {
        "for small gradients": _clip_inputs(draw, 1e-3),
        "for gradients of zero": _clip_inputs(draw, 0.0),
    },
    where={
        "clipped_weight": "One norm, one factor, for both tensors: add up the squares of all elements before the root. "
        "The factor is never above 1, and the small number in it keeps a norm of zero from dividing.",
        "clipped_bias": "The same factor as that of grad_weight.",
    },
    derivation="notebooks/04_depth.ipynb, section 7",
    praise="Right. One factor for all keeps the direction of the step; clipping each tensor by itself would turn it. "
    "Next: mlp_backward, whose gradients may need it.",
    mistakes=(
        Mistake(
            "clipped_weight",
            "separate norms",
            lambda a: _clip(a.grad_weight.clone(), torch.zeros(1), a.max_norm)[0],
            "it is scaled by its own norm, not by that of all gradients together",
        ),
        Mistake(
            "clipped_weight",
            "clipping by value",
            lambda a: a.grad_weight.clamp(-a.max_norm, a.max_norm),
            "each element is clipped by itself, which changes the direction",
        ),
        Mistake(
            "clipped_weight",
            "missing epsilon",
            lambda a: a.grad_weight * (a.max_norm / ((a.grad_weight**2).sum() + (a.grad_bias**2).sum()).sqrt()),
            "the small number in the denominator is missing, and gradients of zero would be divided by zero",
        ),
        Mistake(
            "clipped_weight",
            "scaled up",
            lambda a: a.grad_weight * a.max_norm / (((a.grad_weight**2).sum() + (a.grad_bias**2).sum()).sqrt() + 1e-6),
            "small gradients are scaled up to max_norm: the factor may not be above 1",
        ),
        Mistake(
            "clipped_weight",
            "missing root",
            lambda a: a.grad_weight * a.max_norm / ((a.grad_weight**2).sum() + (a.grad_bias**2).sum() + 1e-6),
            "it is divided by the sum of the squares: the root is missing",
        ),
        Mistake("clipped_bias", "not clipped", lambda a: a.grad_bias, "it is returned as it was"),
    ),
)
