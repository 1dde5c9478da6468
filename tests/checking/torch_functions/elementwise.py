"""Elementwise functions."""

import torch
from torch import special
from torch.nn import functional

from .case import Case, between, booleans, case, complex_, integers, positive, real, unit

X = (5, 4)

_ANYWHERE = [
    *(torch.abs, torch.asinh, torch.atan, torch.cos, torch.cosh, torch.deg2rad, torch.erf, torch.erfc, torch.exp),
    *(torch.exp2, torch.expm1, torch.i0, torch.nan_to_num, torch.neg, torch.positive, torch.rad2deg, torch.sigmoid),
    *(torch.sin, torch.sinc, torch.sinh, torch.square, torch.tan, torch.tanh),
    *(special.erfcx, special.i0e, special.i1, special.i1e, special.log_ndtr, special.ndtr),
    *(functional.relu, functional.relu6, functional.leaky_relu, functional.elu, functional.selu, functional.celu),
    *(functional.silu, functional.mish, functional.softplus, functional.softsign, functional.softshrink),
    *(functional.hardshrink, functional.hardtanh, functional.hardswish, functional.hardsigmoid),
    *(functional.tanhshrink, functional.logsigmoid, functional.dropout, functional.alpha_dropout),
]
_POSITIVE = [
    *(torch.digamma, torch.lgamma, torch.log, torch.log10, torch.log1p, torch.log2, torch.reciprocal, torch.rsqrt),
    *(torch.sqrt, special.entr),
]
_UNIT = [torch.acos, torch.asin, torch.atanh, torch.erfinv]
_ZERO_GRADIENT = [torch.ceil, torch.floor, torch.round, torch.sign, torch.trunc]
_COMPLEX = [
    *(torch.abs, torch.acosh, torch.asin, torch.atan, torch.conj_physical, torch.cos, torch.exp, torch.imag, torch.log),
    *(torch.neg, torch.real, torch.reciprocal, torch.sgn, torch.sigmoid, torch.sin, torch.sinh, torch.sqrt),
    *(torch.square, torch.tanh, torch.view_as_real, torch.angle),
]
_BINARY = [
    *(torch.add, torch.sub, torch.mul, torch.atan2, torch.copysign, torch.fmax, torch.fmin, torch.hypot),
    *(torch.logaddexp, torch.logaddexp2, torch.maximum, torch.minimum, torch.rsub),
]

CASES: list[Case] = [
    *(case(f, real(*X)) for f in _ANYWHERE),
    *(case(f, positive(*X)) for f in _POSITIVE),
    *(case(f, unit(*X)) for f in _UNIT),
    *(case(f, real(*X)) for f in _ZERO_GRADIENT),
    *(case(f, complex_(*X), name=f"{f.__name__} complex") for f in _COMPLEX),
    *(case(f, real(*X), real(*X)) for f in _BINARY),
    *(case(f, real(*X), real(4), name=f"{f.__name__} broadcast") for f in (torch.add, torch.mul, torch.maximum)),
    case(torch.acosh, between(1.2, 3, *X)),
    case(torch.frac, real(*X)),
    case(torch.add, real(*X), real(*X), alpha=2.5, name="add alpha"),
    case(torch.addcdiv, real(*X), real(*X), positive(*X), value=0.7),
    case(torch.addcmul, real(*X), real(*X), real(*X), value=0.7),
    case(torch.clamp, real(*X), min=-0.5, max=0.8),
    case(torch.clamp, real(*X), -1.0, 1.0, name="clamp positional"),
    case(torch.complex, real(*X), real(*X)),
    case(torch.div, real(*X), positive(*X)),
    case(torch.div, real(*X), positive(*X), rounding_mode="floor", name="div floor"),
    case(torch.div, complex_(*X), complex_(*X), name="div complex"),
    case(torch.float_power, positive(*X), 2.5),
    case(torch.fmod, real(*X), positive(*X)),
    case(torch.ldexp, real(*X), integers(4, *X)),
    case(torch.lerp, real(*X), real(*X), 0.3),
    case(torch.lerp, real(*X), real(*X), unit(*X), name="lerp tensor weight"),
    case(torch.logit, between(0.1, 0.9, *X)),
    case(torch.logit, between(0.1, 0.9, *X), eps=0.2, name="logit eps"),
    case(torch.masked_fill, real(*X), booleans(*X), 2.0),
    case(torch.mul, complex_(*X), complex_(*X), name="mul complex"),
    case(torch.mul, real(*X), integers(5, *X), name="mul integers"),
    case(torch.mvlgamma, between(2, 4, *X), 2),
    case(torch.polar, positive(*X), real(*X)),
    case(torch.polygamma, 1, positive(*X)),
    case(torch.pow, positive(*X), real(*X)),
    case(torch.pow, real(*X), 3, name="pow integer exponent"),
    case(torch.pow, 2.0, real(*X), name="pow constant base"),
    case(torch.pow, complex_(*X), 3, name="pow complex"),
    case(torch.remainder, real(*X), positive(*X)),
    case(torch.view_as_complex, real(5, 4, 2)),
    case(torch.where, booleans(*X), real(*X), real(*X)),
    case(torch.xlogy, real(*X), positive(*X)),
    case(special.ndtri, between(0.1, 0.9, *X)),
    case(special.xlog1py, real(*X), positive(*X)),
    case(functional.elu, real(*X), alpha=0.6, name="elu alpha"),
    case(functional.gelu, real(*X)),
    case(functional.gelu, real(*X), approximate="tanh", name="gelu tanh"),
    case(functional.glu, real(3, 6)),
    case(functional.leaky_relu, real(*X), negative_slope=0.3, name="leaky_relu slope"),
    case(functional.prelu, real(3, 4, 5), positive(4)),
    case(functional.rrelu, real(*X), training=True),
    case(functional.softplus, real(*X), beta=2.0, threshold=1.0, name="softplus threshold"),
    case(functional.threshold, real(*X), 0.1, 0.5),
]
