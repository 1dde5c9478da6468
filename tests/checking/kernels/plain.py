"""The kernels in plain PyTorch: every pass computes in float32, whatever the dtype of its tensors."""

import math

import torch
from torch import Tensor

from .mistakes import BLOCK, QUERIES, Mistake, end, sum_dtype

EPS = 1e-5


def block_sum(values: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Sum the last axis block by block into a number of the given dtype."""
    total = torch.zeros_like(values[..., :1], dtype=dtype)
    for block in values.split(BLOCK, dim=-1):
        total = (total + block.sum(-1, keepdim=True)).to(dtype)
    return total.float()


def rms_norm(x: Tensor, weight: Tensor, mistake: Mistake) -> tuple[Tensor, Tensor]:
    h = x.float()
    rstd = torch.rsqrt(block_sum(h * h, sum_dtype(mistake)) / x.shape[-1] + EPS)
    return (h * rstd * weight.float()).to(x.dtype), rstd


def rms_norm_backward(
    grad_output: Tensor, x: Tensor, weight: Tensor, rstd: Tensor, mistake: Mistake
) -> tuple[Tensor, Tensor]:
    g, normalized = grad_output.float(), x.float() * rstd
    scaled = g * weight.float()
    mean = 0 if mistake == "missing term" else (scaled * normalized).mean(-1, keepdim=True)
    grad_weight = (g * normalized).sum(0)
    grad_weight[end(len(weight), mistake) :] = 0
    return (rstd * (scaled - normalized * mean)).to(x.dtype), grad_weight.to(weight.dtype)


def softmax(x: Tensor, mistake: Mistake) -> Tensor:
    h = x.float()
    powers = torch.exp(h - h.amax(-1, keepdim=True))
    return (powers / block_sum(powers, sum_dtype(mistake))).to(x.dtype)


def softmax_backward(grad_output: Tensor, y: Tensor, mistake: Mistake) -> Tensor:
    g, probability = grad_output.float(), y.float()
    mean = block_sum((g * probability)[..., : end(y.shape[-1], mistake)])
    return (probability * (g - (0 if mistake == "missing term" else mean))).to(y.dtype)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, mistake: Mistake) -> tuple[Tensor, Tensor, Tensor]:
    h, n = x.float(), x.shape[-1]
    mean = block_sum(h) / n
    centered = h - mean
    squares = (centered * centered)[..., : end(n, mistake)]
    rstd = torch.rsqrt(block_sum(squares, sum_dtype(mistake)) / n + EPS)
    return (centered * rstd * weight.float() + bias.float()).to(x.dtype), mean, rstd


def layer_norm_backward(
    grad_output: Tensor, x: Tensor, weight: Tensor, mean: Tensor, rstd: Tensor, mistake: Mistake
) -> tuple[Tensor, Tensor, Tensor]:
    g, normalized = grad_output.float(), (x.float() - mean) * rstd
    scaled = g * weight.float()
    grad_x = scaled - normalized * (scaled * normalized).mean(-1, keepdim=True)
    if mistake != "missing term":
        grad_x = grad_x - scaled.mean(-1, keepdim=True)
    return (rstd * grad_x).to(x.dtype), (g * normalized).sum(0).to(weight.dtype), g.sum(0).to(weight.dtype)


def _scores(q: Tensor, k: Tensor, causal: bool) -> Tensor:
    scores = q.float() @ k.float().T / math.sqrt(q.shape[1])
    return scores.masked_fill(torch.ones_like(scores, dtype=torch.bool).triu(1), -math.inf) if causal else scores


def attention(q: Tensor, k: Tensor, v: Tensor, causal: bool, mistake: Mistake) -> tuple[Tensor, Tensor, Tensor]:
    """Return the output in float32 and, per query, the largest score and the sum of exponentials."""
    scores = _scores(q, k, causal)
    largest = scores.amax(-1, keepdim=True)
    powers = torch.exp(scores - largest)
    total = block_sum(powers, sum_dtype(mistake))
    return powers @ v.float() / total, largest[:, 0], total[:, 0]


def attention_backward(
    grad_output: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    y: Tensor,
    largest: Tensor,
    total: Tensor,
    causal: bool,
    mistake: Mistake,
) -> tuple[Tensor, Tensor, Tensor]:
    g = grad_output.float()
    probability = torch.exp(_scores(q, k, causal) - largest[:, None]) / total[:, None]
    grad_probability = g @ v.float().T
    mean = 0 if mistake == "missing term" else (probability * grad_probability).sum(-1, keepdim=True)
    grad_scores = probability * (grad_probability - mean) / math.sqrt(q.shape[1])
    read = slice(end(len(q), mistake, QUERIES))  # the queries that the gradients of k and v are summed over
    grad_k, grad_v = grad_scores[read].T @ q[read].float(), probability[read].T @ g[read]
    return (grad_scores @ k.float()).to(q.dtype), grad_k.to(k.dtype), grad_v.to(v.dtype)
