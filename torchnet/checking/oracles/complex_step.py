"""The complex step: a derivative without autograd and without a difference, exact to rounding.

For an analytic f, f(x + ih) = f(x) + ih f'(x) - h²/2 f''(x) - ..., so f'(x) = Im f(x + ih) / h up to a term in h².
No subtraction cancels digits, so h can be 1e-30, which makes the term in h² far smaller than rounding.

Source: Squire & Trapp 1998, "Using complex variables to estimate derivatives of real functions".
"""

import math
import warnings
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from torchnet.checking.dispatch import Mode
from torchnet.checking.oracles.autograd import NoOracleError
from torchnet.checking.subjects.subject import Outputs, Subject, Tensors, is_float

_STEP = 1e-30
_aten = torch.ops.aten


def complex_step(subject: Subject, grad_outputs: Outputs, directions: Tensors) -> float:
    """Return the derivative of Σ outputs · grad_outputs along a direction of some tensors."""
    if subject.complex_names:
        raise NoOracleError("the inputs are complex")
    tensors = {key: tensor.to(torch.complex128) for key, tensor in subject.tensors.items()}
    tensors |= {name: torch.complex(subject.tensors[name], _STEP * d) for name, d in directions.items()}
    try:
        with warnings.catch_warnings(), _DecideByRealPart():
            warnings.simplefilter("error")  # when torch discards an imaginary part, it only warns
            outputs = subject.forward(tensors)
    except NoOracleError:
        raise
    except Exception as error:
        raise NoOracleError(str(error).splitlines()[0] if str(error) else type(error).__name__) from error
    if not any(output.is_complex() for output in outputs):
        raise NoOracleError("the forward pass loses the imaginary part")
    if any(output.shape != grad.shape for output, grad in zip(outputs, grad_outputs, strict=True)):
        raise NoOracleError("the forward pass computes with complex numbers itself")
    pairs = [(output, grad) for output, grad in zip(outputs, grad_outputs, strict=True) if output.is_complex()]
    total = sum(float((output.imag / _STEP * grad).sum()) for output, grad in pairs)
    if math.isnan(total):
        raise NoOracleError("its result for complex numbers is NaN")
    return total


class _DecideByRealPart(Mode):
    """Extend operations with kinks to complex numbers, and refuse operations that are not analytic.

    A comparison, maximum or absolute value selects one of several branches, each of them analytic: the real part
    selects the branch, and the imaginary part follows it.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not any(isinstance(x, Tensor) and x.is_complex() for x in _flat([*args, *kwargs.values()])):
            return func(*args, **kwargs)
        packet = func.overloadpacket
        if packet in _BRANCHES:
            return _BRANCHES[packet](*args, **kwargs)
        if packet in _ON_REAL_PART:
            return func(*map(_real, args), **kwargs)
        name = packet.__name__
        if name in _NOT_ANALYTIC:
            raise NoOracleError(f"{name} is not analytic")
        if not func._schema.is_mutable:  # torch cannot multiply a complex matrix by a real one
            args = [x.to(torch.complex128) if is_float(x) else x for x in args]
        result = func(*args, **kwargs)
        if any(map(is_float, _flat([result]))):
            raise NoOracleError(f"{name} returns a real number for a complex one")
        return result


def _flat(values: list[Any]) -> Iterator[Any]:
    """Yield the arguments or results of an operation, of which some may be lists of tensors."""
    return chain.from_iterable(x if isinstance(x, list | tuple) else (x,) for x in values)


def _real(x: Any) -> Any:
    return x.real if isinstance(x, Tensor) and x.is_complex() else x


def _sigmoid(z: Tensor) -> Tensor:
    small = torch.where(z.real > 0, -z, z).exp()  # at most 1, so it cannot overflow
    return torch.where(z.real > 0, 1 / (1 + small), small / (1 + small))


def _tanh(z: Tensor) -> Tensor:
    exponent = 2 * torch.where(z.real > 0, -z, z)
    magnitude = -torch.expm1(exponent) / (1 + exponent.exp())
    return torch.where(z.real > 0, magnitude, -magnitude)


def _log1p(z: Tensor) -> Tensor:
    # torch's complex log1p gives NaN near the smallest numbers. The square of the imaginary part is negligible here.
    return torch.complex(torch.log1p(z.real), torch.atan2(z.imag, 1 + z.real))


def _erfc(z: Tensor) -> Tensor:
    # The series along the imaginary axis: the step is so small that only the first term matters.
    return torch.complex(torch.erfc(z.real), -2 / math.sqrt(math.pi) * torch.exp(-z.real.square()) * z.imag)


def _elu(z: Tensor, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Tensor:
    return torch.where(z.real > 0, scale * z, scale * alpha * torch.expm1(input_scale * z))


def _gelu(z: Tensor, *, approximate: str = "none") -> Tensor:
    if approximate == "none":
        return z * _erfc(-math.sqrt(0.5) * z) / 2
    return z * _sigmoid(math.sqrt(8 / math.pi) * (z + 0.044715 * z * z * z))


def _hardtanh(z: Tensor, low: float = -1, high: float = 1) -> Tensor:
    return torch.where(z.real <= low, low, torch.where(z.real >= high, high, z))


def _softplus(z: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    return torch.where(beta * z.real > threshold, z, _log1p((beta * z).exp()) / beta)


# Ties are resolved as autograd does: half of each branch, or the mean of all.
def _maximum(a: Tensor, b: Any) -> Tensor:
    return torch.where(a.real == _real(b), (a + b) / 2, torch.where(a.real > _real(b), a, b))


def _clamp(z: Tensor, min: Any = None, max: Any = None) -> Tensor:
    z = z if min is None else torch.where(z.real >= _real(min), z, min)
    return z if max is None else torch.where(z.real <= _real(max), z, max)


def _max_or_min(extreme: Callable[..., Any]) -> Callable[..., Any]:
    def values_and_indices(z: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
        indices = extreme(z.real, dim=dim, keepdim=True).indices
        values = z.gather(dim, indices)
        return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))

    return values_and_indices


def _amax_or_amin(extreme: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def values(z: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
        dims = dim or list(range(z.dim()))
        chosen = z.real == extreme(z.real, dim=dims, keepdim=True)
        return (z * chosen).sum(dims, keepdim=keepdim) / chosen.sum(dims, keepdim=keepdim)

    return values


def _pow(base: Tensor, exponent: Any) -> Tensor:
    """Differentiate the real power: for a negative base the complex logarithm would swamp the imaginary step."""
    a, b = _real(base), _real(exponent)
    imaginary = (base.imag if isinstance(base, Tensor) and base.is_complex() else 0.0) * b * a ** (b - 1)
    if isinstance(exponent, Tensor) and exponent.is_complex() and exponent.imag.count_nonzero():
        imaginary = imaginary + exponent.imag * a**b * a.log()
    return torch.complex(a**b, imaginary)


def _logsumexp(z: Tensor, dim: list[int], keepdim: bool = False) -> Tensor:
    shift = z.real.amax(dim, keepdim=True)
    result = (z - shift).exp().sum(dim, keepdim=True).log() + shift
    return result if keepdim else result.squeeze(dim)


def _log_softmax(z: Tensor, dim: int, half_to_float: bool = False) -> Tensor:
    return z - _logsumexp(z, [dim], keepdim=True)


_BRANCHES: dict[Any, Callable[..., Any]] = {
    _aten.abs: lambda z: z * z.real.sign(),
    _aten.amax: _amax_or_amin(torch.amax),
    _aten.amin: _amax_or_amin(torch.amin),
    _aten.clamp: _clamp,
    _aten.clamp_max: lambda z, max: _clamp(z, max=max),
    _aten.clamp_min: lambda z, min: _clamp(z, min=min),
    _aten.elu: _elu,
    _aten.hardtanh: _hardtanh,
    _aten.leaky_relu: lambda z, slope=0.01: torch.where(z.real > 0, z, slope * z),
    _aten.max: lambda z, *dim: _max_or_min(torch.max)(z, *dim) if dim else _amax_or_amin(torch.amax)(z),
    _aten.maximum: _maximum,
    _aten.min: lambda z, *dim: _max_or_min(torch.min)(z, *dim) if dim else _amax_or_amin(torch.amin)(z),
    _aten.minimum: lambda a, b: -_maximum(-a, -b),
    _aten.pow: _pow,
    _aten.relu: lambda z: torch.where(z.real > 0, z, torch.zeros_like(z)),
    _aten.sign: lambda z: z.real.sign().to(z.dtype),
    _aten.softplus: _softplus,
    # Analytic, but torch has no complex version or one that overflows.
    _aten._log_softmax: _log_softmax,
    _aten._softmax: lambda z, dim, half_to_float=False: _log_softmax(z, dim).exp(),
    _aten.erf: lambda z: torch.complex(torch.erf(z.real), -_erfc(z).imag),
    _aten.erfc: _erfc,
    _aten.gelu: _gelu,
    _aten.log1p: _log1p,
    _aten.logsumexp: _logsumexp,
    _aten.sigmoid: _sigmoid,
    _aten.silu: lambda z: z * _sigmoid(z),
    _aten.tanh: _tanh,
    # Draw the same random numbers as for the real tensor.
    _aten.rand_like: lambda z, **options: torch.rand_like(z.real).to(z.dtype),
    _aten.randn_like: lambda z, **options: torch.randn_like(z.real).to(z.dtype),
}
_ON_REAL_PART = {_aten.gt, _aten.ge, _aten.lt, _aten.le, _aten.eq, _aten.ne, _aten.argmax, _aten.argmin}
# fmt: off
_NOT_ANALYTIC = {
    "_conj", "_conj_physical", "conj_physical", "sgn", "vdot", "linalg_cholesky_ex", "linalg_eigh", "linalg_qr",
    "renorm",
}
# fmt: on
