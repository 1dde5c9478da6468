"""The training step in Triton: the mathematics of layers/, losses/ and optimizers.py again, as kernels for a GPU.

With X the input of a layer (N, I), W (O, I) and b (O,) its weights, f its activation, and G = ∂L/∂Z (N, O):

    forward         Z = X Wᵀ + b,  Y = f(Z)                 Y is the X of the layer above
    loss            L and the G of the last layer, in the kernel of its forward if a block holds all classes
    backward        G of the layer below = (G W) ⊙ f'       f of the layer below; before `update`, as it reads the old W
    update          ∂L/∂W = Gᵀ X,  ∂L/∂b = Σₙ Gₙ            and the update, without writing the gradient to memory

A program computes one block of a result. It sums in a fixed order and without atomics, so a step has the same bits each
time. What differs from step to step is read from tensors at the place `counter[0]`, the number of the step within its
block, so that a recorded launch can be repeated. `counter[1]` is its copy for the updates: the last one sets
`counter[0]` to the next step while other programs may still read.
"""

import os

import triton
import triton.language as tl

from torchnet.engine.fused.triton_activations import activation, slope

# Triton's interpreter truncates when it converts to bfloat16, and multiplies bfloat16 as if they were integers.
_INTERPRETED = tl.constexpr(os.environ.get("TRITON_INTERPRET") == "1")


# ---- forward ---------------------------------------------------------------------------------------------------------
@triton.jit
def forward(
    X, order, counter, W, b, Y, Z, N, I, O, ACTIVATION: tl.constexpr, P: tl.constexpr, PRECISION: tl.constexpr,
    BN: tl.constexpr, BO: tl.constexpr, BI: tl.constexpr,
):  # fmt: skip
    """Y = f(X Wᵀ + b). Z keeps the argument of f if the slope is computed from it."""
    n, o = _block(0, BN).to(tl.int64), _block(1, BO)
    z = _linear(X, order + tl.load(counter) * N, W, b, n, o, N, I, O, BN, BO, BI, PRECISION)
    at, inside = n[:, None] * O + o[None, :], (n[:, None] < N) & (o[None, :] < O)
    tl.store(Y + at, activation(z, ACTIVATION, P), mask=inside)
    if Z is not None:
        tl.store(Z + at, z, mask=inside)


@triton.jit
def forward_with_loss(
    X, W, b, I, targets, order, counter, G, losses, N, C, divisor, LOSS: tl.constexpr, ROWS: tl.constexpr,
    PRECISION: tl.constexpr, BN: tl.constexpr, BC: tl.constexpr, BI: tl.constexpr,
):  # fmt: skip
    """Compute the logits of some samples, with all classes in one block, and their loss and its gradient."""
    n, c = _block(0, BN).to(tl.int64), tl.arange(0, BC)
    logits = _linear(X, order + tl.load(counter) * N, W, b, n, c, N, I, C, BN, BC, BI, PRECISION)
    _loss(logits, targets, order, counter, G, losses, n, c, N, C, divisor, LOSS, ROWS)


@triton.jit
def loss(
    logits, targets, order, counter, G, losses, N, C, divisor, LOSS: tl.constexpr, ROWS: tl.constexpr,
    BN: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """Compute the loss of some samples and its gradient from logits in memory."""
    n, c = _block(0, BN).to(tl.int64), tl.arange(0, BC)
    z = tl.load(logits + n[:, None] * C + c[None, :], mask=(n[:, None] < N) & (c[None, :] < C), other=0)
    _loss(z, targets, order, counter, G, losses, n, c, N, C, divisor, LOSS, ROWS)


@triton.jit
def _linear(
    X, chosen, W, b, n, o, N, I, O, BN: tl.constexpr, BO: tl.constexpr, BI: tl.constexpr, PRECISION: tl.constexpr
):  # fmt: skip
    rows = _rows(X, chosen, n, N)
    z = tl.zeros((BN, BO), tl.float32)
    for start in range(0, I, BI):
        i = start + tl.arange(0, BI)
        x = tl.load(X + rows[:, None] * I + i[None, :], mask=(n[:, None] < N) & (i[None, :] < I), other=0)
        w = tl.load(W + o[None, :] * I + i[:, None], mask=(o[None, :] < O) & (i[:, None] < I), other=0)
        z += _product(x, w, PRECISION)
    if X.dtype.element_ty == tl.uint8:
        z = z / 255
    if b is not None:
        z += tl.load(b + o, mask=o < O, other=0)[None, :]
    return z


@triton.jit
def _loss(z, targets, order, counter, G, losses, n, c, N, C, divisor, LOSS: tl.constexpr, ROWS: tl.constexpr):
    """Write ∂L/∂z, and the part of these samples in L, as in losses/. Targets that are no ROWS are classes."""
    step = tl.load(counter)
    inside = (n[:, None] < N) & (c[None, :] < C)
    sample = tl.load(order + step * N + n, mask=n < N, other=0)
    if ROWS:
        t = tl.load(targets + sample[:, None] * C + c[None, :], mask=inside, other=0).to(tl.float32)
    else:
        t = (tl.load(targets + sample, mask=n < N, other=0)[:, None] == c[None, :]).to(tl.float32)
    if LOSS == "cross_entropy":
        z = tl.where(c[None, :] < C, z, float("-inf"))
        shifted = z - tl.max(z, 1)[:, None]
        exponentials = tl.exp(shifted)
        total = tl.sum(exponentials, 1)[:, None]
        of_elements = -t * tl.where(inside, shifted - tl.log(total), 0)
        grad = (exponentials / total * tl.sum(t, 1)[:, None] - t) / divisor
    else:
        of_elements = tl.where(inside, (z - t) * (z - t), 0) / C
        grad = (z - t) * (2 / (divisor * C))
    tl.store(G + n[:, None] * C + c[None, :], grad, mask=inside)
    tl.store(losses + step * tl.num_programs(0) + tl.program_id(0), tl.sum(tl.sum(of_elements, 1), 0) / divisor)
    if tl.program_id(0) == 0:
        tl.store(counter + 1, step)


@triton.jit
def sum_losses(parts, losses, PARTS, BP: tl.constexpr):
    """Add up the parts of the loss of one step."""
    step, part = tl.program_id(0), tl.arange(0, BP)
    tl.store(losses + step, tl.sum(tl.load(parts + step * PARTS + part, mask=part < PARTS, other=0), 0))


# ---- backward --------------------------------------------------------------------------------------------------------
@triton.jit
def backward(
    G, W, below, G_below, N, O, I, ACTIVATION: tl.constexpr, P: tl.constexpr, PRECISION: tl.constexpr,
    BN: tl.constexpr, BI: tl.constexpr, BO: tl.constexpr,
):  # fmt: skip
    """G of the layer below = (G W) ⊙ f'. `below` is what the slope f' is computed from: Y, or Z."""
    n, i = _block(0, BN).to(tl.int64), _block(1, BI)
    grad = tl.zeros((BN, BI), tl.float32)
    for start in range(0, O, BO):
        o = start + tl.arange(0, BO)
        g = tl.load(G + n[:, None] * O + o[None, :], mask=(n[:, None] < N) & (o[None, :] < O), other=0)
        w = tl.load(W + o[:, None] * I + i[None, :], mask=(o[:, None] < O) & (i[None, :] < I), other=0)
        grad += _product(g, w, PRECISION)
    at, inside = n[:, None] * I + i[None, :], (n[:, None] < N) & (i[None, :] < I)
    tl.store(G_below + at, grad * slope(tl.load(below + at, mask=inside, other=0), ACTIVATION, P), mask=inside)


@triton.jit
def update(
    G, X, order, counter, W, b, V_W, V_b, grad_W, grad_b, options, N, O, I, weight_decay, keep_W, keep_b,
    NESTEROV: tl.constexpr, IS_LAST: tl.constexpr, PRECISION: tl.constexpr,
    BO: tl.constexpr, BI: tl.constexpr, BN: tl.constexpr,
):  # fmt: skip
    """Compute ∂L/∂W = Gᵀ X and ∂L/∂b = Σₙ Gₙ, and update W and b; keep the gradients if grad_W is given."""
    o, i = _block(0, BO), _block(1, BI)
    step = tl.load(counter + 1)
    of_weight, of_bias = tl.zeros((BO, BI), tl.float32), tl.zeros((BO,), tl.float32)
    for start in range(0, N, BN):
        n = (start + tl.arange(0, BN)).to(tl.int64)
        rows = _rows(X, order + step * N, n, N)
        g = tl.load(G + n[None, :] * O + o[:, None], mask=(n[None, :] < N) & (o[:, None] < O), other=0)
        x = tl.load(X + rows[:, None] * I + i[None, :], mask=(n[:, None] < N) & (i[None, :] < I), other=0)
        of_weight += _product(g, x, PRECISION)
        of_bias += tl.sum(g, 1)
    if X.dtype.element_ty == tl.uint8:
        of_weight = of_weight / 255
    lr, momentum = tl.load(options + 2 * step), tl.load(options + 2 * step + 1)
    at, inside = o[:, None] * I + i[None, :], (o[:, None] < O) & (i[None, :] < I)
    _descend(W, V_W, grad_W, at, inside, of_weight, lr, momentum, keep_W, weight_decay, NESTEROV)
    if b is not None and tl.program_id(1) == 0:
        _descend(b, V_b, grad_b, o, o < O, of_bias, lr, momentum, keep_b, weight_decay, NESTEROV)
    if IS_LAST and tl.program_id(0) == 0 and tl.program_id(1) == 0:
        tl.store(counter, step + 1)


@triton.jit
def _descend(w, V, kept, at, inside, grad, lr, momentum, keep, weight_decay, NESTEROV: tl.constexpr):
    """SGD as in optimizers.py; `keep` is 1 - τ, and 1 in the first step, when V is zero."""
    if kept is not None:
        tl.store(kept + at, grad, mask=inside)
    old = tl.load(w + at, mask=inside, other=0)
    grad = tl.where(weight_decay != 0, grad + weight_decay * old, grad)  # 0 times infinity is NaN
    if V is not None:
        velocity = momentum * tl.load(V + at, mask=inside, other=0) + keep * grad
        tl.store(V + at, velocity, mask=inside)
        grad = grad + momentum * velocity if NESTEROV else velocity
    tl.store(w + at, old - lr * grad, mask=inside)


# ---- blocks and products ---------------------------------------------------------------------------------------------
@triton.jit
def _block(axis: tl.constexpr, SIZE: tl.constexpr):
    """The rows or columns of the result that this program computes."""
    return tl.program_id(axis) * SIZE + tl.arange(0, SIZE)


@triton.jit
def _rows(X, chosen, n, N):
    """The rows of X that hold the samples n of the mini-batch: X is all images, or the output of the layer below."""
    if X.dtype.element_ty == tl.uint8:
        return tl.load(chosen + n, mask=n < N, other=0)
    else:
        return n


@triton.jit
def _product(a, b, PRECISION: tl.constexpr):
    """The matrix product a b of float32 or bytes.

    A tensor core multiplies operands of 8 bits (bfloat16) or 11 (TF32) exactly, and a float32 has 24. In full precision
    a float32 is split into three bfloat16, whose sum it is exactly, and a byte is a bfloat16. Of the nine products, the
    three smallest are below the rounding of the result. The caller adds the product to its sum in ordinary arithmetic:
    tensor cores round their own sums toward zero.
    """
    if PRECISION == "tf32":
        return tl.dot(a.to(tl.float32), b.to(tl.float32), input_precision="tf32")
    else:
        a0, b0 = _bfloat16(a), _bfloat16(b)
        total = tl.zeros((a.shape[0], b.shape[1]), tl.float32)
        if PRECISION == "float32":
            A_IS_FLOAT: tl.constexpr = a.dtype != tl.uint8
            B_IS_FLOAT: tl.constexpr = b.dtype != tl.uint8
            if A_IS_FLOAT:
                a1 = _bfloat16(a - a0.to(tl.float32))
                total = tl.dot(_bfloat16(a - a0.to(tl.float32) - a1.to(tl.float32)), b0, total)
            if B_IS_FLOAT:
                b1 = _bfloat16(b - b0.to(tl.float32))
                total = tl.dot(a0, _bfloat16(b - b0.to(tl.float32) - b1.to(tl.float32)), total)
            if A_IS_FLOAT and B_IS_FLOAT:
                total = tl.dot(a1, b1, total)
            if A_IS_FLOAT:
                total = tl.dot(a1, b0, total)
            if B_IS_FLOAT:
                total = tl.dot(a0, b1, total)
        return tl.dot(a0, b0, total)


@triton.jit
def _bfloat16(x):
    """Round to the nearest bfloat16; in the interpreter, as a float32 of the same value."""
    x = x.to(tl.float32)
    if _INTERPRETED:
        bits = x.to(tl.uint32, bitcast=True)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).to(tl.float32, bitcast=True)
    else:
        return x.to(tl.bfloat16)
