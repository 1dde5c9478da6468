"""The activations of layers/ and their slopes in Triton, in formulas that keep their digits in float32.

They use nothing but what Triton's interpreter has too: exp and erf.
"""

import triton
import triton.language as tl


@triton.jit
def activation(x, NAME: tl.constexpr, P: tl.constexpr):
    """Y = f(x); P is the slope of leaky_relu, alpha of elu, beta of softplus. A NaN stays one in every branch."""
    if NAME == "sigmoid":
        return _sigmoid(x)
    elif NAME == "tanh":
        e = _expm1(-2 * tl.abs(x))
        return tl.where(x < 0, e, -e) / (2 + e)
    elif NAME == "relu":
        return tl.where(x <= 0, 0.0, x)
    elif NAME == "leaky_relu":
        return tl.where(x > 0, x, P * x)
    elif NAME == "elu":
        return tl.where(x > 0, x, P * _expm1(tl.where(x > 0, 0.0, x)))
    elif NAME == "silu":
        return x * _sigmoid(x)
    elif NAME == "softplus":
        return tl.where(P * x > 20, x, (tl.where(P * x <= 0, 0.0, P * x) + _log1p(tl.exp(-tl.abs(P * x)))) / P)
    elif NAME == "gelu":
        return x * _normal_cdf(x)
    elif NAME == "gelu_tanh":
        return x * _sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x))
    else:
        return x


@triton.jit
def slope(y, NAME: tl.constexpr, P: tl.constexpr):
    """F' from the output y of sigmoid, tanh or relu, from the argument of every other activation."""
    if NAME == "sigmoid":
        return y * (1 - y)
    elif NAME == "tanh":
        return 1 - y * y
    elif NAME == "relu":
        return tl.where(y > 0, 1.0, 0.0)
    elif NAME == "identity":
        return tl.full(y.shape, 1.0, tl.float32)
    else:
        return _slope_from_argument(y, NAME, P)


@triton.jit
def _slope_from_argument(x, NAME: tl.constexpr, P: tl.constexpr):
    if NAME == "leaky_relu":
        return tl.where(x > 0, 1.0, P)
    elif NAME == "elu":
        return tl.where(x > 0, 1.0, P * tl.exp(tl.where(x > 0, 0.0, x)))
    elif NAME == "silu":
        s = _sigmoid(x)
        return s + x * s * (1 - s)
    elif NAME == "softplus":
        return tl.where(P * x > 20, 1.0, _sigmoid(P * x))
    elif NAME == "gelu":
        return _normal_cdf(x) + 0.3989422804014327 * x * tl.exp(-0.5 * x * x)
    else:  # gelu_tanh
        s = _sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x))
        bell = x * s * (1 - s)
        return s + 1.5957691216057308 * (bell + 0.134145 * bell * x * x)


@triton.jit
def _sigmoid(x):
    e = tl.exp(-tl.abs(x))  # at most 1: it cannot overflow
    return tl.where(x < 0, e, 1.0) / (1 + e)


@triton.jit
def _expm1(x):
    """eˣ - 1 for x ≤ 0: Taylor's series where the difference would cancel."""
    series = x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6 * (1 + x / 7 * (1 + x / 8)))))))
    return tl.where(x > -0.5, series, tl.exp(x) - 1)


@triton.jit
def _log1p(u):
    """log(1 + u) for 0 ≤ u ≤ 1, as 2 artanh(s) with s = u / (2 + u) ≤ 1/3."""
    s = u / (2 + u)
    q = s * s
    return 2 * s * (1 + q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q / 13))))))


@triton.jit
def _normal_cdf(x):
    """Φ(x) = ½ erfc(-x / √2). Far below zero 1 + erf cancels: there by a fit, the one of activations.h."""
    z = 0.7071067811865476 * tl.abs(x)
    t = 1 / (1 + 0.5 * z)
    p = 0.20536043 + t * (-0.03339902 + t * (0.28851515 + t * (-0.49682958 + t * (0.2894461 + t * -0.060108708))))
    p = t * (0.28208236 + t * (0.28245384 + t * (0.24247938 + t * p)))
    return tl.where(x < -1, 0.5 * tl.exp(-z * z) * p, 0.5 + 0.5 * tl.erf(0.7071067811865476 * x))
