"""What each kernel has to compute, in plain PyTorch, and inputs on which every planted mistake shows."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from . import DEVICE
from .plain import EPS

ROWS, COLUMNS = 3, 500
LENGTH, FEATURES = 312, 16


def rms_norm(x: Tensor, weight: Tensor) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS) * weight


def softmax(x: Tensor) -> Tensor:
    return torch.softmax(x, dim=-1)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.layer_norm(x, weight.shape, weight, bias, EPS)


def attention(q: Tensor, k: Tensor, v: Tensor, causal: bool = False) -> Tensor:
    scores = q @ k.T / math.sqrt(q.shape[1])
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores, dtype=torch.bool).triu(1), -math.inf)
    return torch.softmax(scores, dim=-1) @ v


# Activations with a few channels that are far larger than the others, attention that is mostly on the first token: a
# sum in bfloat16 that starts with a large term loses every block that follows. Another large term is in the tail.


def norm_inputs(num_weights: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    size = 1.2 + torch.rand(ROWS, COLUMNS, generator=generator) / 4
    x = size * torch.randn(ROWS, COLUMNS, generator=generator).sign()
    x[:, 0], x[:, -1] = 91, 30
    return x, *(1 + torch.randn(COLUMNS, generator=generator) / 4 for _ in range(num_weights))


def softmax_inputs() -> tuple[Tensor]:
    x = torch.randn(ROWS, COLUMNS, generator=torch.Generator().manual_seed(0)) / 2
    x[:, [0, -1]] = 8.5
    return (x,)


def attention_inputs() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(LENGTH, FEATURES, generator=generator) for _ in range(3))
    q[:, 0], k[:, 0] = 4, 0
    k /= 2
    k[0] = torch.eye(FEATURES)[0] * 8.75  # a score of exactly 8.75, in every dtype
    return q, k, v


REFERENCES: dict[str, Callable[..., Tensor]] = {
    "rms_norm": rms_norm,
    "softmax": softmax,
    "layer_norm": layer_norm,
    "attention": attention,
    "causal attention": attention,
}


def inputs(kernel: str, dtype: torch.dtype) -> tuple[Tensor | bool, ...]:
    """Return the arguments of a kernel, on the GPU if there is one."""
    tensors = {
        "rms_norm": lambda: norm_inputs(1),
        "softmax": softmax_inputs,
        "layer_norm": lambda: norm_inputs(2),
        "attention": attention_inputs,
        "causal attention": attention_inputs,
    }[kernel]()
    flags = (kernel == "causal attention",) if "attention" in kernel else ()
    return *(x.to(DEVICE, dtype) for x in tensors), *flags
