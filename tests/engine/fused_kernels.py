"""Parts of the Triton step as functions of tensors."""

import torch
import triton
import triton.language as tl

from torchnet.engine.fused import kernels
from torchnet.engine.fused.kernels import _product
from torchnet.engine.fused.triton_activations import activation, slope

from ..checking.kernels import DEVICE


@triton.jit
def _activation_and_slope(x, y, s, n, NAME: tl.constexpr, P: tl.constexpr, FROM_OUTPUT: tl.constexpr, B: tl.constexpr):
    i = tl.arange(0, B)
    argument = tl.load(x + i, mask=i < n, other=0)
    result = activation(argument, NAME, P)
    tl.store(y + i, result, mask=i < n)
    tl.store(s + i, slope(result if FROM_OUTPUT else argument, NAME, P), mask=i < n)


def activation_and_slope(x, name, parameter, from_output):
    x = x.to(DEVICE)
    y, s = torch.empty_like(x), torch.empty_like(x)
    _activation_and_slope[(1,)](x, y, s, len(x), name, parameter, from_output, triton.next_power_of_2(len(x)))
    return y.cpu(), s.cpu()


@triton.jit
def _multiply(a, b, c, SIZE: tl.constexpr):
    at = tl.arange(0, SIZE)[:, None] * SIZE + tl.arange(0, SIZE)[None, :]
    tl.store(c + at, _product(tl.load(a + at), tl.load(b + at), "float32"))


def product(a, b):
    c = torch.empty(a.shape, device=DEVICE)
    _multiply[(1,)](a.to(DEVICE), b.to(DEVICE), c, len(a))
    return c.cpu()


__all__ = ["activation_and_slope", "kernels", "product"]
