"""Compare Flatten with torch.nn.Flatten."""

import copy
import inspect

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from torchnet import Flatten

from .geometries import MEMORY_FORMATS, grad_output
from .test_layers import random


@given(shape=st.lists(st.integers(1, 3), min_size=1, max_size=5), dims=st.tuples(*[st.integers(-6, 6)] * 2))
def test_matches_torch(shape, dims):
    layer, twin = Flatten(*dims), nn.Flatten(*dims)
    assert repr(layer) == repr(twin)
    x = random(*shape).requires_grad_()
    try:
        expected = twin(x)
    except (RuntimeError, IndexError):
        with pytest.raises(ValueError, match=f"expected input with dimensions from {dims[0]} to {dims[1]} to join"):
            layer(x.detach())
        return
    expected.backward(grad_output(expected))
    assert torch.equal(layer(x.detach()), expected)
    assert torch.equal(layer.backward(grad_output(expected)), x.grad)


def test_defaults_are_those_of_torch():
    assert inspect.signature(Flatten).parameters.keys() == inspect.signature(nn.Flatten).parameters.keys()
    layer = Flatten()
    assert layer(random(2, 3, 4, 5)).shape == (2, 60)
    assert layer.backward(random(2, 60)).shape == (2, 3, 4, 5)
    assert (layer.start_dim, layer.end_dim) == (1, -1)
    layer(random(2, 3, 4, 5))
    assert layer.backward(random(2, 60), input_grad=False) is None


@pytest.mark.parametrize("layout", MEMORY_FORMATS.values())
def test_the_gradient_has_the_memory_format_of_the_input(layout):
    layer, x = Flatten(), random(2, 3, 4, 5)
    y = layer(x.contiguous(memory_format=layout))
    assert torch.equal(y, x.flatten(1))
    grad = layer.backward(grad_output(y))
    assert grad.is_contiguous(memory_format=layout)
    assert torch.equal(grad, grad_output(y).view(x.shape))


def test_the_gradient_is_a_new_tensor_and_no_values_are_remembered():
    layer = Flatten()
    layer(random(2, 3, 4))
    assert not any(isinstance(value, torch.Tensor) for value in layer._remembered)
    grad = torch.ones(2, 12)
    grad_input = copy.deepcopy(layer).backward(grad)
    grad.zero_()
    assert torch.equal(grad_input, torch.ones(2, 3, 4))
    assert not layer.backward(torch.ones(2, 12, requires_grad=True)).requires_grad


def test_what_does_not_fit_is_refused():
    layer = Flatten()
    with pytest.raises(ValueError, match=r"from 1 to -1 to join, got shape \(3,\): change start_dim or end_dim"):
        layer(torch.ones(3))
    with pytest.raises(ValueError, match=r"expected at least one sample, got an empty batch of shape \(0, 3\)"):
        layer(torch.ones(0, 3))
    layer(torch.ones(2, 3, 4))
    with pytest.raises(ValueError, match=r"expected grad_output of shape \(2, 12\), got \(2, 3, 4\)"):
        layer.backward(torch.ones(2, 3, 4))
