"""Compare Softmax and LogSoftmax with autograd of torch.nn."""

import pytest
import torch
from torch import nn

from torchnet import LogSoftmax, Softmax, check

from .test_layers import random

PAIRS = [(Softmax, nn.Softmax), (LogSoftmax, nn.LogSoftmax)]
CASES = [((), 0), ((5,), 0), ((7, 5), 0), ((7, 5), 1), ((7, 5), -1), ((2, 3, 4, 5), 1), ((2, 3, 4, 5), -2)]


@pytest.mark.parametrize(("kind", "twin"), PAIRS)
@pytest.mark.parametrize(("shape", "dim"), CASES)
@pytest.mark.parametrize("scale", [1.0, 80.0])
def test_matches_torch(kind, twin, shape, dim, scale, expect_equal):
    x, grad_output = (scale * random(*shape)).requires_grad_(), random(*shape, seed=1)
    expected = twin(dim)(x)
    expected.backward(grad_output)
    layer = kind(dim)
    expect_equal(f"{layer} output", layer(x.detach()), expected.detach(), "torch.nn")
    torch.testing.assert_close(layer.backward(grad_output), x.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [Softmax, LogSoftmax])
def test_the_check_passes(kind):
    for dim in (0, 1):
        report = check(kind(dim), random(7, 5))
        assert report.passed, report
        assert "complex step" in report.tensors[0].comparisons


@pytest.mark.parametrize("kind", [Softmax, LogSoftmax])
def test_is_finite_where_exp_overflows(kind):
    layer = kind(-1)
    assert layer(torch.tensor([-1e30, 0.0, 1e30])).isfinite().all()
    assert layer.backward(torch.tensor([1.0, -2.0, 3.0])).isfinite().all()


def test_probabilities_and_their_logarithms():
    x = random(7, 5)
    torch.testing.assert_close(Softmax(1)(x).sum(dim=1), torch.ones(7).double(), rtol=1e-15, atol=0)
    torch.testing.assert_close(LogSoftmax(1)(x).exp(), Softmax(1)(x), rtol=1e-14, atol=0)


@pytest.mark.parametrize(("kind", "twin"), PAIRS)
def test_the_dimension_has_to_be_said(kind, twin):
    assert repr(kind(-1)) == repr(twin(-1))
    with pytest.raises(ValueError, match="dim: expected a dimension, got None: write dim=-1"):
        kind()


@pytest.mark.parametrize("kind", [Softmax, LogSoftmax])
class TestContract:
    def test_backward_consumes_what_was_remembered(self, kind):
        layer = kind(1)
        layer(random(3, 4))
        assert layer.backward(random(3, 4), input_grad=False) is None
        with pytest.raises(RuntimeError, match="make a forward pass in training mode first"):
            layer.backward(random(3, 4))

    def test_no_graph_hangs_on_what_backward_returns(self, kind):
        layer = kind(1)
        layer(random(3, 4).requires_grad_())
        assert not layer.backward(random(3, 4).requires_grad_()).requires_grad

    def test_a_gradient_that_would_broadcast_is_refused(self, kind):
        layer = kind(1)
        layer(random(3, 4))
        with pytest.raises(ValueError, match=r"expected grad_output of shape \(3, 4\), got \(3, 1\)"):
            layer.backward(random(3, 1))
