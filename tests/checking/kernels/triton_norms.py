"""RMSNorm and layer norm in Triton: one program per row, which reads it block by block."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from .mistakes import BLOCK, Mistake, end, sum_dtype
from .plain import EPS

DTYPES = {torch.float32: tl.float32, torch.bfloat16: tl.bfloat16}


@triton.jit
def nearest(x, dtype: tl.constexpr):
    """Round float32 to the nearest number of a dtype, ties to even: the interpreter truncates to bfloat16."""
    if dtype == tl.bfloat16:
        bits = x.to(tl.uint32, bitcast=True)
        x = ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).to(tl.float32, bitcast=True)
    return x.to(dtype)


@triton.jit
def _rms_norm(x_ptr, weight_ptr, y_ptr, rstd_ptr, n, eps, SUM: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    squares = tl.full((), 0, SUM)
    for start in range(0, n, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + columns, mask=columns < n, other=0.0).to(tl.float32)
        squares = nearest(squares.to(tl.float32) + tl.sum(x * x), SUM)
    rstd = 1 / tl.sqrt(squares.to(tl.float32) / n + eps)
    tl.store(rstd_ptr + row, rstd)
    for start in range(0, n, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        inside = columns < n
        x = tl.load(x_ptr + row * n + columns, mask=inside, other=0.0).to(tl.float32)
        weight = tl.load(weight_ptr + columns, mask=inside, other=0.0).to(tl.float32)
        tl.store(y_ptr + row * n + columns, nearest(x * rstd * weight, y_ptr.dtype.element_ty), mask=inside)


@triton.jit
def _rms_norm_backward(
    grad_ptr,
    x_ptr,
    weight_ptr,
    rstd_ptr,
    grad_x_ptr,
    partial_ptr,
    n,
    partial_end,
    MEAN: tl.constexpr,
    BLOCK: tl.constexpr,
):
    row = tl.program_id(0)
    rstd = tl.load(rstd_ptr + row)
    mean = tl.full((), 0, tl.float32)
    for start in range(0, n, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        inside = columns < n
        g = tl.load(grad_ptr + row * n + columns, mask=inside, other=0.0).to(tl.float32)
        normalized = tl.load(x_ptr + row * n + columns, mask=inside, other=0.0).to(tl.float32) * rstd
        weight = tl.load(weight_ptr + columns, mask=inside, other=0.0).to(tl.float32)
        tl.store(partial_ptr + row * n + columns, g * normalized, mask=columns < partial_end)
        if MEAN:
            mean += tl.sum(g * weight * normalized) / n
    for start in range(0, n, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        inside = columns < n
        g = tl.load(grad_ptr + row * n + columns, mask=inside, other=0.0).to(tl.float32)
        normalized = tl.load(x_ptr + row * n + columns, mask=inside, other=0.0).to(tl.float32) * rstd
        weight = tl.load(weight_ptr + columns, mask=inside, other=0.0).to(tl.float32)
        grad_x = rstd * (g * weight - normalized * mean)
        tl.store(grad_x_ptr + row * n + columns, nearest(grad_x, grad_x_ptr.dtype.element_ty), mask=inside)


def rms_norm(x: Tensor, weight: Tensor, mistake: Mistake) -> tuple[Tensor, Tensor]:
    y, rstd = torch.empty_like(x), torch.empty(len(x), device=x.device)
    _rms_norm[(len(x),)](x, weight, y, rstd, x.shape[1], EPS, SUM=DTYPES[sum_dtype(mistake)], BLOCK=BLOCK)
    return y, rstd


def rms_norm_backward(
    grad_output: Tensor, x: Tensor, weight: Tensor, rstd: Tensor, mistake: Mistake
) -> tuple[Tensor, Tensor]:
    grad_x, partial = torch.empty_like(x), torch.zeros_like(x, dtype=torch.float32)
    n, mean = x.shape[1], mistake != "missing term"
    _rms_norm_backward[(len(x),)](
        grad_output, x, weight, rstd, grad_x, partial, n, end(n, mistake), MEAN=mean, BLOCK=BLOCK
    )
    return grad_x, partial.sum(0).to(weight.dtype)


@triton.jit
def _layer_norm(
    x_ptr,
    weight_ptr,
    bias_ptr,
    y_ptr,
    mean_ptr,
    rstd_ptr,
    n,
    squares_end,
    eps,
    SUM: tl.constexpr,
    BLOCK: tl.constexpr,
):
    row = tl.program_id(0)
    mean = tl.full((), 0, tl.float32)
    for start in range(0, n, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        mean += tl.sum(tl.load(x_ptr + row * n + columns, mask=columns < n, other=0.0).to(tl.float32)) / n
    squares = tl.full((), 0, SUM)
    for start in range(0, squares_end, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + columns, mask=columns < n, other=0.0).to(tl.float32)
        centered = tl.where(columns < n, x - mean, 0.0)
        squares = nearest(squares.to(tl.float32) + tl.sum(centered * centered), SUM)
    rstd = 1 / tl.sqrt(squares.to(tl.float32) / n + eps)
    tl.store(mean_ptr + row, mean)
    tl.store(rstd_ptr + row, rstd)
    for start in range(0, n, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        inside = columns < n
        x = tl.load(x_ptr + row * n + columns, mask=inside, other=0.0).to(tl.float32)
        weight = tl.load(weight_ptr + columns, mask=inside, other=0.0).to(tl.float32)
        bias = tl.load(bias_ptr + columns, mask=inside, other=0.0).to(tl.float32)
        y = (x - mean) * rstd * weight + bias
        tl.store(y_ptr + row * n + columns, nearest(y, y_ptr.dtype.element_ty), mask=inside)


@triton.jit
def _layer_norm_backward(
    grad_ptr,
    x_ptr,
    weight_ptr,
    mean_ptr,
    rstd_ptr,
    grad_x_ptr,
    partial_ptr,
    n,
    MEAN: tl.constexpr,
    BLOCK: tl.constexpr,
):
    row = tl.program_id(0)
    mean, rstd = tl.load(mean_ptr + row), tl.load(rstd_ptr + row)
    mean_grad = tl.full((), 0, tl.float32)
    mean_product = tl.full((), 0, tl.float32)
    for start in range(0, n, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        inside = columns < n
        g = tl.load(grad_ptr + row * n + columns, mask=inside, other=0.0).to(tl.float32)
        x = tl.load(x_ptr + row * n + columns, mask=inside, other=0.0).to(tl.float32)
        weight = tl.load(weight_ptr + columns, mask=inside, other=0.0).to(tl.float32)
        normalized = (x - mean) * rstd
        tl.store(partial_ptr + row * n + columns, g * normalized, mask=inside)
        mean_product += tl.sum(g * weight * normalized) / n
        if MEAN:
            mean_grad += tl.sum(g * weight) / n
    for start in range(0, n, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        inside = columns < n
        g = tl.load(grad_ptr + row * n + columns, mask=inside, other=0.0).to(tl.float32)
        x = tl.load(x_ptr + row * n + columns, mask=inside, other=0.0).to(tl.float32)
        weight = tl.load(weight_ptr + columns, mask=inside, other=0.0).to(tl.float32)
        grad_x = rstd * (g * weight - mean_grad - (x - mean) * rstd * mean_product)
        tl.store(grad_x_ptr + row * n + columns, nearest(grad_x, grad_x_ptr.dtype.element_ty), mask=inside)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, mistake: Mistake) -> tuple[Tensor, Tensor, Tensor]:
    y, n = torch.empty_like(x), x.shape[1]
    mean, rstd = torch.empty(len(x), device=x.device), torch.empty(len(x), device=x.device)
    dtype = DTYPES[sum_dtype(mistake)]
    _layer_norm[(len(x),)](x, weight, bias, y, mean, rstd, n, end(n, mistake), EPS, SUM=dtype, BLOCK=BLOCK)
    return y, mean, rstd


def layer_norm_backward(
    grad_output: Tensor, x: Tensor, weight: Tensor, mean: Tensor, rstd: Tensor, mistake: Mistake
) -> tuple[Tensor, Tensor, Tensor]:
    grad_x, partial = torch.empty_like(x), torch.empty_like(x, dtype=torch.float32)
    _layer_norm_backward[(len(x),)](
        grad_output, x, weight, mean, rstd, grad_x, partial, x.shape[1], MEAN=mistake != "missing term", BLOCK=BLOCK
    )
    return grad_x, partial.sum(0).to(weight.dtype), grad_output.float().sum(0).to(weight.dtype)
