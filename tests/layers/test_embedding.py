"""Compare Embedding with autograd of torch.nn."""

import inspect

import pytest
import torch
from torch import nn

from torchnet import SGD, Embedding, check

from .test_layers import random

IDS = torch.tensor([[3, 0, 3, 5], [5, 3, 1, 2]])
SHAPES = [(), (7,), (2, 3), (2, 3, 4)]


def ids(*shape: int, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    return torch.randint(6, shape, generator=torch.Generator().manual_seed(0)).to(dtype)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
@pytest.mark.parametrize("padding_idx", [None, 3, -6])
def test_matches_torch(shape, dtype, padding_idx, expect_equal):
    layer, twin = (it(6, 3, padding_idx, dtype=torch.float64) for it in (Embedding, nn.Embedding))
    layer.weight.copy_(random(6, 3))
    twin.load_state_dict(layer.state_dict())
    x, grad_output = ids(*shape, dtype=dtype), random(*shape, 3, seed=1)
    expected = twin(x)
    expected.backward(grad_output)
    for _ in range(2):  # the gradient is overwritten, not accumulated
        expect_equal("output", layer(x), expected.detach(), "torch.nn")
        assert layer.backward(grad_output) is None
        expect_equal("weight.grad", layer.weight.grad, twin.weight.grad, "autograd")
    assert repr(layer) == repr(twin)


def test_the_gradient_of_a_row_is_the_sum_over_the_positions_of_its_id():
    layer = Embedding(6, 3)
    layer(IDS)
    grad_output = random(2, 4, 3).float()
    layer.backward(grad_output)
    for number in range(6):
        torch.testing.assert_close(layer.weight.grad[number], grad_output[number == IDS].sum(dim=0))
    assert layer.weight.grad[4].tolist() == [0, 0, 0]


def test_the_row_of_padding_starts_at_zero_and_stays_there():
    layer = Embedding(6, 3, padding_idx=3)
    optimizer = SGD(layer.parameters(), lr=1.0)
    before = layer.weight.clone()
    layer(IDS)
    layer.backward(torch.ones(2, 4, 3))
    optimizer.step()
    assert layer.weight[3].tolist() == [0, 0, 0]
    assert not torch.equal(layer.weight[5], before[5])
    assert before[[0, 1, 2, 4, 5]].all()


def test_the_initial_weights_are_normal_with_variance_1():
    layer = Embedding(400, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert layer.weight.mean().abs() < 0.03
    assert layer.weight.std() == pytest.approx(1, abs=0.03)
    again = Embedding(400, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.equal(layer.weight, again.weight)
    assert Embedding(4, 3, initializer=lambda shape, generator, dtype: torch.full(shape, 7.0)).weight.unique() == 7


def test_takes_weights():
    weight = random(6, 3).requires_grad_()
    layer = Embedding(6, 3, _weight=weight)
    assert torch.equal(layer.weight, weight)
    assert not layer.weight.requires_grad
    assert Embedding(6, 3, _weight=2 * weight).weight.is_leaf
    assert Embedding(6, 3, _weight=weight, dtype=torch.float32).weight.dtype == torch.float32
    with pytest.raises(ValueError, match=r"expected _weight of shape \(6, 4\), got \(6, 3\)"):
        Embedding(6, 4, _weight=weight)


def test_the_check_passes():
    report = check(Embedding(6, 3, dtype=torch.float64), IDS)
    assert report.passed, report
    assert {"autograd", "complex step"} <= report.tensors[0].comparisons.keys()


def test_the_check_sees_that_the_row_of_padding_has_no_gradient():
    layer = Embedding(6, 3, padding_idx=3, dtype=torch.float64)
    assert check(layer, torch.tensor([0, 1, 5, 5])).passed
    assert not check(layer, IDS).passed  # it is not the derivative, on purpose


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.tensor([0, 6]), r"expected ids within 0..5, got 0..6: the weight has 6 rows"),
        (torch.tensor([-1, 2]), r"expected ids within 0..5, got -1..2"),
        (torch.ones(3), r"expected input of dtype torch.int64, got torch.float32: convert it with x.to\(torch.int64\)"),
        (torch.ones(0).long(), r"expected at least one sample"),
    ],
)
def test_refuses_what_is_no_id(x, message):
    with pytest.raises(ValueError, match=message):
        Embedding(6, 3)(x)


def test_the_arguments_are_those_of_torch():
    def arguments(kind):
        parameters = inspect.signature(kind).parameters.values()
        return [(p.name, p.default) for p in parameters if p.kind == p.POSITIONAL_OR_KEYWORD]

    assert arguments(Embedding) == arguments(nn.Embedding)
    for name, value in {"max_norm": 1.0, "scale_grad_by_freq": True, "sparse": True, "_freeze": True}.items():
        with pytest.raises(ValueError, match=f"{name}: expected it to be left out, got {value}"):
            Embedding(6, 3, **{name: value})
    for padding_idx in (6, -7):
        with pytest.raises(ValueError, match=f"padding_idx: expected an id within 0..5, got {padding_idx}"):
            Embedding(6, 3, padding_idx)
    assert Embedding(6, 3, -1).padding_idx == 5


def test_the_contract():
    layer = Embedding(6, 3)
    with pytest.raises(RuntimeError, match="make a forward pass in training mode first"):
        layer.backward(torch.ones(2, 4, 3))
    layer(IDS)
    layer.backward(torch.ones(2, 4, 3, requires_grad=True))
    assert not layer.weight.grad.requires_grad
    layer(IDS)
    with pytest.raises(ValueError, match=r"expected grad_output of shape \(2, 4, 3\), got \(2, 4, 1\)"):
        layer.backward(torch.ones(2, 4, 1))
    layer.eval()(IDS)
    with pytest.raises(RuntimeError, match="forward pass"):
        layer.backward(torch.ones(2, 4, 3))
