"""The oracles compared with known derivatives."""

import math

import pytest
import torch
from torch.nn import functional

from torchnet.checking.oracles.autograd import NoOracleError
from torchnet.checking.oracles.complex_step import complex_step
from torchnet.checking.oracles.differences import Line, central_difference, taylor_slope
from torchnet.checking.rounding import randomly_rounded, rounding_of
from torchnet.checking.subjects.subject import Subject

from .planted import random


def subject_of(function, x):
    return Subject("f", {"x": x}, "x", lambda tensors: (function(tensors["x"]),), lambda *_: {})


def upstream_of(function, x):
    return random(*function(x).shape, seed=2)


def line_of(function, x, direction):
    subject = subject_of(function, x)
    upstream = (upstream_of(function, x),)
    return Line(subject, upstream, {"x": direction}, rounding_of(subject, upstream))


SMOOTH = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "erf": torch.erf,
    "erfc": torch.erfc,
    "gelu": functional.gelu,
    "gelu, tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "silu": functional.silu,
    "softplus": functional.softplus,
    "elu": functional.elu,
    "log_softmax": lambda x: functional.log_softmax(x, dim=1),
    "softmax": lambda x: torch.softmax(x, dim=0),
    "logsumexp": lambda x: torch.logsumexp(x, dim=1),
    "log1p": lambda x: torch.log1p(x * x),
    "powers": lambda x: (x * x + 1).pow(1.5).rsqrt(),
    "products": lambda x: (x @ x.T).cumsum(dim=0).prod(dim=1),
}
KINKED = {
    "relu": torch.relu,
    "leaky_relu": functional.leaky_relu,
    "leaky_relu, slope": lambda x: functional.leaky_relu(x, 0.3),
    "elu, alpha": lambda x: functional.elu(x, 0.6),
    "selu": functional.selu,
    "hardtanh": lambda x: functional.hardtanh(x, -0.5, 0.7),
    "relu6": functional.relu6,
    "softplus, threshold": lambda x: functional.softplus(x, 2.0, 1.5),
    "abs": torch.abs,
    "clamp": lambda x: x.clamp(-0.5, 0.7),
    "clamp_min": lambda x: x.clamp_min(0.1),
    "clamp_max": lambda x: x.clamp_max(0.1),
    "maximum": lambda x: torch.maximum(x, x.flip(0)),
    "minimum": lambda x: torch.minimum(x, torch.zeros_like(x)),
    "amax": lambda x: x.amax(dim=1),
    "amin": lambda x: x.amin(dim=0, keepdim=True),
    "max": lambda x: x.max(dim=1).values,
    "min": lambda x: x.min(dim=1, keepdim=True).values,
    "max of all": lambda x: x.max(),
    "sign": lambda x: x.sign() * x,
    "where": lambda x: torch.where(x > 0.2, x * x, -x),
    "argmax": lambda x: x.gather(1, x.argmax(dim=1, keepdim=True)),
    "random": lambda x: x * (torch.rand_like(x) < 0.5),
}


@pytest.mark.parametrize("name", [*SMOOTH, *KINKED])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_complex_step_matches_autograd(name, scale, expect_equal):
    function = (SMOOTH | KINKED)[name]
    x, direction = scale * random(4, 3), random(4, 3, seed=1)
    torch.manual_seed(0)
    leaf = x.clone().requires_grad_()
    y = function(leaf)
    upstream = random(*y.shape, seed=2)
    (gradient,) = torch.autograd.grad(y, leaf, upstream)
    torch.manual_seed(0)
    slope = complex_step(subject_of(function, x), (upstream,), {"x": direction})
    expected = (gradient * direction).sum()
    expect_equal(f"{name} x{scale:g}", torch.tensor(slope, dtype=torch.float64), expected, "autograd (complex step)")


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.norm(),
        lambda x: x.var(dim=0),
        lambda x: torch.lgamma(x),
        lambda x: x.mH @ x,
        lambda x: x.double().cos().to(torch.float32),
        lambda x: x.detach().real.clone(),
    ],
)
def test_complex_step_refuses_functions_that_are_not_analytic(function):
    x = random(4, 3)
    with pytest.raises(NoOracleError):
        complex_step(subject_of(function, x), (torch.ones_like(function(x)),), {"x": x})


@pytest.mark.parametrize("name", SMOOTH)
def test_central_difference_matches_autograd(name):
    function, x, direction = SMOOTH[name], random(4, 3), random(4, 3, seed=1)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(function(leaf), leaf, upstream_of(function, x))
    slope = central_difference(line_of(function, x, direction), 1e-7)
    assert slope == pytest.approx(float((gradient * direction).sum()), rel=1e-8, abs=1e-11)


@pytest.mark.parametrize("distance", [0.0, 1e-9])
def test_central_difference_detects_a_close_kink(distance):
    x, one = torch.tensor([distance, 1.0], dtype=torch.float64), torch.tensor([1.0, 0.0], dtype=torch.float64)
    assert math.isnan(central_difference(line_of(torch.relu, x, one), 1e-7))


@pytest.mark.parametrize("distance", [1e-2, -1e-3, 0.3])
def test_central_difference_avoids_a_distant_kink(distance):
    x, one = torch.tensor([distance, 1.0], dtype=torch.float64), torch.tensor([1.0, 0.0], dtype=torch.float64)
    slope = central_difference(line_of(torch.relu, x, one), 1e-7)
    assert slope == pytest.approx(float(upstream_of(torch.relu, x)[0]) * (distance > 0), abs=1e-9)


def test_taylor_remainder_falls_with_the_square_only_for_the_derivative():
    x, direction = random(4, 3), random(4, 3, seed=1)
    slope = float((x.cos() * direction * upstream_of(torch.sin, x)).sum())
    line = line_of(torch.sin, x, direction)
    assert taylor_slope(line, slope) == pytest.approx(2, abs=0.05)
    assert taylor_slope(line, slope * (1 + 1e-5)) == pytest.approx(1, abs=0.1)
    assert taylor_slope(line, 0.0) == pytest.approx(1, abs=0.05)
    straight = float((3 * direction * upstream_of(torch.sin, x)).sum())
    assert taylor_slope(line_of(lambda x: 3 * x, x, direction), straight) == math.inf
    assert taylor_slope(line_of(torch.relu, torch.zeros(2, 2).double(), random(2, 2)), 0.0) is None


def test_random_rounding_moves_by_units_in_the_last_place():
    x = torch.tensor([1.0, 3.0], dtype=torch.float64)
    for moved in randomly_rounded(lambda: x * 1, torch.float64, share=1):
        assert torch.all((moved - x).abs() > 0)
        assert torch.all((moved - x).abs() < 3e-16 * x)
    # At 1e-4, 1 - cos x loses half of its digits, and the spread of the runs shows it.
    small = torch.tensor(1e-4, dtype=torch.float64)
    runs = [float(1 - y) for y in randomly_rounded(lambda: small.cos(), torch.float64, share=1)]
    assert 1e-9 < max(abs(run / 5e-9 - 1) for run in runs) < 1e-6
    assert all(torch.equal(moved, x.amax()) for moved in randomly_rounded(lambda: x.amax(), torch.float64, share=1))
    single = x.float()
    assert all(torch.equal(m, single * 3) for m in randomly_rounded(lambda: single * 3, torch.float64, share=1))
