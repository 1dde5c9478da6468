"""Exercises: attention."""

import torch
from torch import Tensor

from torchnet.exercises.task import Draw, Mistake, Task
from torchnet.exercises.truth import Case, Gradients


def _weights(q: Tensor, k: Tensor) -> Tensor:
    return torch.softmax(q @ k.T / q.shape[1] ** 0.5, dim=1)


def _attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return _weights(q, k) @ v


def _inputs(draw: Draw, *sizes: int) -> Case:
    queries, keys, features, values = sizes
    return {"q": draw.normal(queries, features), "k": draw.normal(keys, features), "v": draw.normal(keys, values)}


ATTENTION_BACKWARD = Task(
    name="attention_backward",
    level=5,
    title="the backward pass of attention",
    text="""
    Write the three gradients of scaled dot-product attention, with L queries, S keys and values, for one head. You
    know all parts: two products of matrices and a softmax between them. Compute the attention weights again; you may
    call torch.softmax.
    """,
    equations="""
    scores  = q kᵀ / √E              (L, S)
    weights = softmax(scores)        (L, S), rows with the sum 1
    y       = weights v              (L, D)
    """,
    arguments={
        "grad_output": "(L, D), the gradient of y",
        "q": "(L, E), the queries",
        "k": "(S, E), the keys",
        "v": "(S, D), the values",
    },
    results={"grad_q": "(L, E)", "grad_k": "(S, E)", "grad_v": "(S, D)"},
    truth=Gradients(_attention, grad_q="q", grad_k="k", grad_v="v"),
    inputs=lambda draw: _inputs(draw, 4, 5, 3, 2),
    traps=lambda draw: {
        "for square matrices": _inputs(draw, 3, 3, 3, 3),
        "for large queries": {**_inputs(draw, 3, 4, 2, 2), "q": 1000 * draw.normal(3, 2)},
    },
    where={
        "grad_v": "v[s, d] is in y[l, d] of every query l, with the factor weights[l, s]: add up over l.",
        "grad_k": "Three steps back: from y to weights, a product; from weights to scores, softmax_backward, row by "
        "row; from scores to k, a product with the factor 1/√E. k[s] is in scores[l, s] of every query l.",
        "grad_q": "If grad_k is right, so is the gradient of scores. q[l] is in scores[l, s] of every key s, with the "
        "factor k[s] / √E.",
    },
    derivation="notebooks/07_your_own_kernel.ipynb, section 10",
    praise="Right. Only the gradient of softmax needs a whole row at once. FlashAttention computes the same from "
    "blocks, with one number a row remembered. You have written the hardest part of a transformer.",
    mistakes=(
        Mistake(
            "grad_v",
            "missing softmax",
            lambda a: (a.q @ a.k.T / a.q.shape[1] ** 0.5).T @ a.grad_output,
            "it is computed with the scores, not with the weights",
        ),
        Mistake(
            "grad_k",
            "missing softmax derivative",
            lambda a: (a.grad_output @ a.v.T).T @ a.q / a.q.shape[1] ** 0.5,
            "the gradient goes from weights to scores unchanged: the backward pass of softmax is missing",
        ),
        Mistake(
            "grad_k",
            "missing term",
            lambda a: (a.grad_output @ a.v.T * _weights(a.q, a.k)).T @ a.q / a.q.shape[1] ** 0.5,
            "softmax is differentiated as if the scores of a row did not depend on each other",
        ),
        Mistake(
            "grad_k",
            "diagonal only",
            lambda a: (a.grad_output @ a.v.T * (w := _weights(a.q, a.k)) * (1 - w)).T @ a.q / a.q.shape[1] ** 0.5,
            "softmax is differentiated like a sigmoid: only its diagonal is in it",
        ),
        Mistake(
            "grad_v",
            "wrong axis",
            lambda a: torch.softmax(a.q @ a.k.T / a.q.shape[1] ** 0.5, dim=0).T @ a.grad_output,
            "softmax runs over the queries, not over the keys",
        ),
        Mistake(
            "grad_k",
            "wrong axis",
            lambda a: (
                ((w := _weights(a.q, a.k)) * ((d := a.grad_output @ a.v.T) - (w * d).sum(0))).T
                @ a.q
                / a.q.shape[1] ** 0.5
            ),
            "in the backward pass of softmax, the sum runs over the queries, not over the keys",
        ),
        Mistake(
            "grad_v",
            "missing scale",
            lambda a: torch.softmax(a.q @ a.k.T, dim=1).T @ a.grad_output,
            "the scores are not divided by √E",
        ),
    ),
)
