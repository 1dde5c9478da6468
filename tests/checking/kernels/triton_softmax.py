"""Softmax and attention in Triton. Softmax: one program per row. Attention: one per block of queries or keys."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from .mistakes import BLOCK, QUERIES, Mistake, end, sum_dtype
from .triton_norms import DTYPES, nearest


@triton.jit
def _softmax(x_ptr, y_ptr, n, SUM: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    largest = tl.full((), float("-inf"), tl.float32)
    for start in range(0, n, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + columns, mask=columns < n, other=float("-inf")).to(tl.float32)
        largest = tl.maximum(largest, tl.max(x))
    total = tl.full((), 0, SUM)
    for start in range(0, n, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + columns, mask=columns < n, other=float("-inf")).to(tl.float32)
        total = nearest(total.to(tl.float32) + tl.sum(tl.exp(x - largest)), SUM)
    for start in range(0, n, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + columns, mask=columns < n, other=float("-inf")).to(tl.float32)
        y = tl.exp(x - largest) / total.to(tl.float32)
        tl.store(y_ptr + row * n + columns, nearest(y, y_ptr.dtype.element_ty), mask=columns < n)


@triton.jit
def _softmax_backward(grad_ptr, y_ptr, grad_x_ptr, n, mean_end, MEAN: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    mean = tl.full((), 0, tl.float32)
    if MEAN:
        for start in range(0, mean_end, BLOCK):
            columns = start + tl.arange(0, BLOCK)
            g = tl.load(grad_ptr + row * n + columns, mask=columns < n, other=0.0).to(tl.float32)
            y = tl.load(y_ptr + row * n + columns, mask=columns < n, other=0.0).to(tl.float32)
            mean += tl.sum(g * y)
    for start in range(0, n, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        g = tl.load(grad_ptr + row * n + columns, mask=columns < n, other=0.0).to(tl.float32)
        y = tl.load(y_ptr + row * n + columns, mask=columns < n, other=0.0).to(tl.float32)
        grad_x = nearest(y * (g - mean), grad_x_ptr.dtype.element_ty)
        tl.store(grad_x_ptr + row * n + columns, grad_x, mask=columns < n)


def softmax(x: Tensor, mistake: Mistake) -> Tensor:
    y = torch.empty_like(x)
    _softmax[(len(x),)](x, y, x.shape[1], SUM=DTYPES[sum_dtype(mistake)], BLOCK=BLOCK)
    return y


def softmax_backward(grad_output: Tensor, y: Tensor, mistake: Mistake) -> Tensor:
    grad_x, n, mean = torch.empty_like(y), y.shape[1], mistake != "missing term"
    _softmax_backward[(len(y),)](grad_output, y, grad_x, n, end(n, mistake), MEAN=mean, BLOCK=BLOCK)
    return grad_x


@triton.jit
def _rows(ptr, rows, count, D: tl.constexpr):
    """Load rows of a (count, D) matrix as float32; rows outside of it are zero."""
    columns = tl.arange(0, D)
    return tl.load(ptr + rows[:, None] * D + columns[None, :], mask=rows[:, None] < count, other=0.0).to(tl.float32)


@triton.jit
def _store_rows(ptr, rows, count, values, D: tl.constexpr):
    places = rows[:, None] * D + tl.arange(0, D)[None, :]
    tl.store(ptr + places, nearest(values, ptr.dtype.element_ty), mask=rows[:, None] < count)


@triton.jit
def _scores(q, k, queries, keys, count, scale, CAUSAL: tl.constexpr):
    allowed = keys[None, :] < count
    if CAUSAL:
        allowed = allowed & (keys[None, :] <= queries[:, None])
    return tl.where(allowed, tl.dot(q, tl.trans(k), input_precision="ieee") * scale, float("-inf"))


@triton.jit
def _attention(
    q_ptr,
    k_ptr,
    v_ptr,
    y_ptr,
    largest_ptr,
    total_ptr,
    count,
    scale,
    CAUSAL: tl.constexpr,
    SUM: tl.constexpr,
    D: tl.constexpr,
    QUERIES: tl.constexpr,
    KEYS: tl.constexpr,
):
    queries = tl.program_id(0) * QUERIES + tl.arange(0, QUERIES)
    q = _rows(q_ptr, queries, count, D)
    largest = tl.full((QUERIES,), float("-inf"), tl.float32)
    total = tl.full((QUERIES,), 0, SUM)
    y = tl.full((QUERIES, D), 0, tl.float32)
    for start in range(0, count, KEYS):
        keys = start + tl.arange(0, KEYS)
        scores = _scores(q, _rows(k_ptr, keys, count, D), queries, keys, count, scale, CAUSAL)
        now_largest = tl.maximum(largest, tl.max(scores, 1))  # finite, as every query may attend to key 0
        shrink = tl.exp(largest - now_largest)
        powers = tl.exp(scores - now_largest[:, None])
        total = nearest(total.to(tl.float32) * shrink + tl.sum(powers, 1), SUM)
        y = y * shrink[:, None] + tl.dot(powers, _rows(v_ptr, keys, count, D), input_precision="ieee")
        largest = now_largest
    _store_rows(y_ptr, queries, count, y / total.to(tl.float32)[:, None], D)
    tl.store(largest_ptr + queries, largest, mask=queries < count)
    tl.store(total_ptr + queries, total.to(tl.float32), mask=queries < count)


@triton.jit
def _attention_backward(
    g_ptr,
    q_ptr,
    k_ptr,
    v_ptr,
    largest_ptr,
    total_ptr,
    mean_ptr,
    grad_q_ptr,
    grad_k_ptr,
    grad_v_ptr,
    count,
    sum_end,
    scale,
    CAUSAL: tl.constexpr,
    OF_QUERIES: tl.constexpr,
    D: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write one block of the gradient of q (OF_QUERIES), or of the gradients of k and v."""
    own = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    grad_q = tl.full((BLOCK, D), 0, tl.float32)
    grad_k = tl.full((BLOCK, D), 0, tl.float32)
    grad_v = tl.full((BLOCK, D), 0, tl.float32)
    for start in range(0, sum_end, BLOCK):
        others = start + tl.arange(0, BLOCK)
        if OF_QUERIES:
            queries, keys = own, others
        else:
            queries, keys = others, own
        q, g = _rows(q_ptr, queries, count, D), _rows(g_ptr, queries, count, D)
        k, v = _rows(k_ptr, keys, count, D), _rows(v_ptr, keys, count, D)
        largest = tl.load(largest_ptr + queries, mask=queries < count, other=float("inf"))
        total = tl.load(total_ptr + queries, mask=queries < count, other=1.0)
        mean = tl.load(mean_ptr + queries, mask=queries < count, other=0.0)
        scores = _scores(q, k, queries, keys, count, scale, CAUSAL)
        probability = tl.exp(scores - largest[:, None]) / total[:, None]
        grad_scores = probability * (tl.dot(g, tl.trans(v), input_precision="ieee") - mean[:, None]) * scale
        if OF_QUERIES:
            grad_q += tl.dot(grad_scores, k, input_precision="ieee")
        else:
            grad_k += tl.dot(tl.trans(grad_scores), q, input_precision="ieee")
            grad_v += tl.dot(tl.trans(probability), g, input_precision="ieee")
    if OF_QUERIES:
        _store_rows(grad_q_ptr, own, count, grad_q, D)
    else:
        _store_rows(grad_k_ptr, own, count, grad_k, D)
        _store_rows(grad_v_ptr, own, count, grad_v, D)


def attention(q: Tensor, k: Tensor, v: Tensor, causal: bool, mistake: Mistake) -> tuple[Tensor, Tensor, Tensor]:
    """Return the output in float32 and, per query, the largest score and the sum of exponentials."""
    count, features = q.shape
    y = torch.empty_like(q, dtype=torch.float32)
    largest, total = torch.empty(count, device=q.device), torch.empty(count, device=q.device)
    _attention[(triton.cdiv(count, QUERIES),)](
        *(q, k, v, y, largest, total, count, features**-0.5),
        CAUSAL=causal,
        SUM=DTYPES[sum_dtype(mistake)],
        D=features,
        QUERIES=QUERIES,
        KEYS=BLOCK,
    )
    return y, largest, total


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
    count, features = q.shape
    gradients = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
    mean = (grad_output.float() * y).sum(-1)
    mean = torch.zeros_like(mean) if mistake == "missing term" else mean
    for of_queries, sum_end in ((True, count), (False, end(count, mistake, QUERIES))):
        _attention_backward[(triton.cdiv(count, QUERIES),)](
            *(grad_output, q, k, v, largest, total, mean, *gradients, count, sum_end, features**-0.5),
            CAUSAL=causal,
            OF_QUERIES=of_queries,
            D=features,
            BLOCK=QUERIES,
        )
    return gradients
