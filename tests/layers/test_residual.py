"""Compare residual blocks with autograd of x + nn.Sequential(...)(x)."""

import pytest
import torch
from torch import nn

from torchnet import BatchNorm1d, Layer, LayerNorm, Linear, ReLU, Residual, Sigmoid, Tanh

from .test_layers import random
from .twins import ResidualTwin, randomized


def linear(in_features: int = 5, out_features: int = 5, seed: int = 0) -> Linear:
    return Linear(in_features, out_features, generator=torch.Generator().manual_seed(seed))


def pair(kind: str) -> tuple[Residual, nn.Module]:
    """Return a block and its torch.nn twin with equal weights."""
    if kind == "one":
        block, twin = Residual(linear()), ResidualTwin(nn.Linear(5, 5))
    elif kind == "several":
        block = Residual(linear(5, 3), Tanh(), linear(3, 5, 1), Sigmoid())
        twin = ResidualTwin(nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 5), nn.Sigmoid())
    elif kind == "activation first":
        block, twin = Residual(ReLU(), linear()), ResidualTwin(nn.ReLU(), nn.Linear(5, 5))
    elif kind == "no weights":
        block, twin = Residual(Tanh()), ResidualTwin(nn.Tanh())
    elif kind == "norms":
        block = Residual(BatchNorm1d(5), linear(), LayerNorm(5))
        twin = ResidualTwin(nn.BatchNorm1d(5), nn.Linear(5, 5), nn.LayerNorm(5))
    else:
        block = Residual(linear(5, 4), Residual(Tanh(), Residual(linear(4, 4, 1))), linear(4, 5, 2))
        inner = ResidualTwin(nn.Tanh(), ResidualTwin(nn.Linear(4, 4)))
        twin = ResidualTwin(nn.Linear(5, 4), inner, nn.Linear(4, 5))
    randomized(block)
    twin.double().load_state_dict(block.state_dict())
    return block, twin


KINDS = ["one", "several", "activation first", "no weights", "norms", "nested"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [3, 5, 7])
@pytest.mark.parametrize("input_grad", [True, False])
def test_matches_torch(kind, batch, input_grad, expect_equal):
    block, twin = pair(kind)
    x, grad_output = random(batch, 5, seed=4).requires_grad_(), random(batch, 5, seed=5)
    expected = twin(x)
    expected.backward(grad_output)
    name = f"Residual, {kind}, N={batch}"
    expect_equal(f"{name} output", block(x.detach()), expected.detach(), "torch.nn")
    grad_input = block.backward(grad_output, input_grad=input_grad)
    if input_grad:
        expect_equal(f"{name} grad_input", grad_input, x.grad, "autograd")
    else:
        assert grad_input is None
    for weight, theirs in twin.named_parameters():
        expect_equal(f"{name} {weight}.grad", block.get_parameter(weight).grad, theirs.grad, "autograd")


def test_only_the_first_layer_may_skip_the_input_gradient():
    asked = []

    class Notes(Tanh):
        def backward(self, grad_output, input_grad=True):
            asked.append(input_grad)
            return super().backward(grad_output, input_grad)

    block = Residual(Notes(), Notes(), Notes())
    for input_grad in (True, False):
        block(torch.ones(2, 3))
        block.backward(torch.ones(2, 3), input_grad=input_grad)
    assert asked == [True, True, True, True, True, False]


def test_the_default_is_to_return_the_gradient_of_the_input():
    block = Residual(Tanh())
    block(torch.zeros(2, 3))
    assert torch.equal(block.backward(torch.ones(2, 3)), 2 * torch.ones(2, 3))


def test_names_modes_and_state_dicts_match_nn_sequential():
    block, twin = pair("nested")
    assert list(block.state_dict()) == list(twin.state_dict())
    assert list(block.state_dict())[:3] == ["0.weight", "0.bias", "1.1.0.weight"]
    assert isinstance(block, Layer)
    assert block[0] is next(iter(block))
    block.eval()
    assert not any(module.training for module in block.modules())
    block(random(7, 5)), block.train()
    assert all(module.training for module in block.modules())
    with pytest.raises(RuntimeError, match="make a forward pass in training mode first"):
        block.backward(random(7, 5))


@pytest.mark.parametrize(
    ("layers", "got"),
    [([Linear(3, 2)], r"\(4, 2\)"), ([Linear(3, 1)], r"\(4, 1\)"), ([Tanh(), Residual(), Linear(3, 5)], r"\(4, 5\)")],
)
def test_shapes_that_differ_are_refused(layers, got):
    with pytest.raises(ValueError, match=rf"the shape of their input, \(4, 3\), got {got}: the first and the last"):
        Residual(*layers)(torch.ones(4, 3))


def test_an_empty_block_doubles_its_input():
    block = Residual()
    assert torch.equal(block(torch.ones(2, 3)), 2 * torch.ones(2, 3))
    assert torch.equal(block.backward(torch.ones(2, 3)), 2 * torch.ones(2, 3))
    assert block.backward(torch.ones(2, 3), input_grad=False) is None
