"""Norms, dropout and residual blocks: checks on their own and in networks."""

import pytest
import torch

from torchnet import MLP, BatchNorm1d, Dropout, LayerNorm, Linear, ReLU, Residual, RMSNorm, Tanh, check, set_step
from torchnet.checking import ORACLES

from ..layers.twins import BLOCKS, randomized
from .planted import random

EXACT = [oracle for oracle in ORACLES if oracle != "NumPy reference"]
LAYERS = {
    **BLOCKS,
    "batch norm, mean over all": lambda width: BatchNorm1d(width, momentum=None),
    "RMS norm, eps": lambda width: RMSNorm(width, eps=0.02),
    "dropout inside": lambda width: Residual(Linear(width, width), Dropout(0.3, stream=1), Residual(Dropout(0.2))),
}
TARGETS = torch.tensor([0, 3, 2, 1, 1, 0, 2])


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("n", [pytest.param(2, marks=pytest.mark.sweep), 7])
def test_right_with_every_oracle(name, n):
    torch.manual_seed(0)
    layer = randomized(LAYERS[name](5))
    set_step(layer, 3)
    before = {name: buffer.clone() for name, buffer in layer.named_buffers()}
    report = check(layer, random(n, 5), oracles=EXACT)
    assert report.passed, report
    assert report.notes == []
    assert all({"autograd", "complex step"} <= verdict.comparisons.keys() for verdict in report.tensors)
    assert all(torch.equal(buffer, before[name]) for name, buffer in layer.named_buffers())


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_as_precise_as_autograd_in_smaller_dtypes(name, dtype):
    torch.manual_seed(0)
    report = check(randomized(LAYERS[name](5)).to(dtype), random(7, 5).to(dtype))
    assert report.passed, report
    assert report.notes == []
    assert all(verdict.precision is not None for verdict in report.tensors)


def network(*blocks, dtype: torch.dtype = torch.float64) -> MLP:
    """Return an MLP with the blocks between its layers; a bias before a batch norm has a zero gradient."""
    net = MLP((5, 6, 4), "tanh", generator=torch.Generator().manual_seed(0))
    for block in reversed(blocks):
        net.insert(1, block)
    return randomized(net).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_network_with_all_of_them(dtype):
    torch.manual_seed(0)
    net = network(BatchNorm1d(6), Residual(Linear(6, 6), LayerNorm(6), Dropout(0.2)), RMSNorm(6), ReLU(), dtype=dtype)
    report = check(net, random(7, 5).to(dtype), TARGETS)
    assert report.passed, report
    assert report.notes == []
    assert all(verdict.precision is not None for verdict in report.tensors) or dtype == torch.float64


class Doubled(Linear):
    def backward(self, grad_output, input_grad=True):
        grad_input = super().backward(grad_output, input_grad)
        self.weight.grad *= 2
        return grad_input


class Halved(BatchNorm1d):
    def backward(self, grad_output, input_grad=True):
        return super().backward(grad_output) / 2


class WithoutScale(Dropout):
    def backward(self, grad_output, input_grad=True):
        return super().backward(grad_output) * (1 - self.p)


class WithoutSkip(Residual):
    def backward(self, grad_output, input_grad=True):
        return super().backward(grad_output) - grad_output


@pytest.mark.parametrize(
    ("block", "named", "kind"),
    [
        (lambda: Residual(Doubled(6, 6), Tanh()), "2.0 (Doubled)", "constant factor"),
        (lambda: Residual(Tanh(), Residual(Doubled(6, 6))), "2.1.0 (Doubled)", "constant factor"),
        (lambda: Halved(6), "2 (Halved)", "constant factor"),
        (lambda: Residual(Tanh(), Halved(6)), "2.1 (Halved)", "constant factor"),
        (lambda: Residual(Tanh(), WithoutScale(0.5)), "2.1 (WithoutScale)", "constant factor"),
        (lambda: WithoutSkip(Tanh(), Linear(6, 6)), "2 (WithoutSkip)", "missing path"),
        (lambda: Residual(Tanh(), WithoutSkip(Linear(6, 6), Tanh())), "2.1 (WithoutSkip)", "missing path"),
    ],
)
def test_a_wrong_layer_is_named_at_any_depth(block, named, kind):
    report = check(network(Dropout(0.1), block(), LayerNorm(6)), random(7, 5), TARGETS)
    assert [part.subject for part in report.parts] == [named]
    assert kind in [diagnosis.kind for _, diagnosis in report.parts[0].diagnoses]


class ForgetsTheMean(BatchNorm1d):
    def backward(self, grad_output, input_grad=True):
        grad_input = super().backward(grad_output)
        rstd = (self.seen.var(dim=0, correction=0) + self.eps).rsqrt()
        return grad_input + self.weight * rstd * grad_output.mean(dim=0)

    def forward(self, x):
        self.seen = x.detach()
        return super().forward(x)


def test_a_norm_that_forgets_its_mean_is_diagnosed():
    report = check(randomized(ForgetsTheMean(5)), random(7, 5))
    assert [(v.name, v.diagnosis.kind) for v in report.tensors if not v.passed] == [("input", "missing path")]
