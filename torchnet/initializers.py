"""Initializers: each draws the initial weights of a given shape from a given generator.

The weights of a layer are independent with mean zero; initializers differ in the variance. If it is too small, the
signal vanishes from layer to layer; if it is too large, it explodes. For y = x Wᵀ with I inputs of mean square s,
Var(y) = I · Var(W) · s; the rules below choose Var(W) so that it neither grows nor shrinks. The weight of a
convolution has the shape (O, I, ...); there, I stands for I times the size of the kernel, the inputs of each output,
and O likewise.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Initializer = Callable[[Sequence[int], torch.Generator | None, torch.dtype | None], Tensor]


def he_normal(
    shape: Sequence[int], generator: torch.Generator | None = None, dtype: torch.dtype | None = None
) -> Tensor:
    """Draw from a normal of variance 2 / I: the notebook's rule, derived for ReLU, which halves the mean square.

    Shape:
        returns: (O, I), or (O, I, ...) for a convolution.

    Source: He et al. 2015, "Delving Deep into Rectifiers", equation 10.
    """
    fan_in = math.prod(shape[1:])
    return _empty(shape, generator, dtype).normal_(0, math.sqrt(2 / fan_in), generator=generator)


def xavier_normal(
    shape: Sequence[int], generator: torch.Generator | None = None, dtype: torch.dtype | None = None
) -> Tensor:
    """Draw from a normal of variance 2 / (I + O): a compromise between the forward and the backward signal.

    Shape:
        returns: (O, I), or (O, I, ...) for a convolution.

    Source: Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks",
    equation 12.
    """
    fan_out, fan_in = shape[0] * math.prod(shape[2:]), math.prod(shape[1:])
    return _empty(shape, generator, dtype).normal_(0, math.sqrt(2 / (fan_in + fan_out)), generator=generator)


def xavier_uniform(
    shape: Sequence[int], generator: torch.Generator | None = None, dtype: torch.dtype | None = None
) -> Tensor:
    """Draw from a uniform on ±√(6 / (I + O)), with the variance of `xavier_normal`: a uniform on ±a has variance a²/3.

    Shape:
        returns: (O, I), or (O, I, ...) for a convolution.

    Source: Glorot & Bengio 2010, equation 16.
    """
    fan_out, fan_in = shape[0] * math.prod(shape[2:]), math.prod(shape[1:])
    bound = math.sqrt(6 / (fan_in + fan_out))
    return _empty(shape, generator, dtype).uniform_(-bound, bound, generator=generator)


def lecun_normal(
    shape: Sequence[int], generator: torch.Generator | None = None, dtype: torch.dtype | None = None
) -> Tensor:
    """Draw from a normal of variance 1 / I, which keeps the variance of the forward signal.

    Shape:
        returns: (O, I), or (O, I, ...) for a convolution.

    Source: LeCun et al. 1998, "Efficient BackProp", equation 16.
    """
    fan_in = math.prod(shape[1:])
    return _empty(shape, generator, dtype).normal_(0, math.sqrt(1 / fan_in), generator=generator)


def standard_normal(
    shape: Sequence[int], generator: torch.Generator | None = None, dtype: torch.dtype | None = None
) -> Tensor:
    """Draw from a normal of variance 1, for an embedding: a row is an output itself, not a sum over inputs.

    Shape:
        returns: `shape`.
    """
    return _empty(shape, generator, dtype).normal_(generator=generator)


def zeros(shape: Sequence[int], generator: torch.Generator | None = None, dtype: torch.dtype | None = None) -> Tensor:
    """Return zeros: fine for a bias; with a zero weight, all units of a layer would stay equal forever.

    Shape:
        returns: `shape`; nothing is drawn from the generator.
    """
    return _empty(shape, generator, dtype).zero_()


INITIALIZERS: dict[str, Initializer] = {
    "he_normal": he_normal,
    "xavier_normal": xavier_normal,
    "xavier_uniform": xavier_uniform,
    "lecun_normal": lecun_normal,
    "zeros": zeros,
}


def _empty(shape: Sequence[int], generator: torch.Generator | None, dtype: torch.dtype | None) -> Tensor:
    """Return an uninitialized tensor on the device of the generator."""
    return torch.empty(shape, dtype=dtype, device=None if generator is None else generator.device)
