"""What `Layer` promises, for every layer that has the name of one of torch.nn."""

import pytest
import torch
from torch import Tensor

import torchnet
from torchnet import Layer, Linear, Residual, Sequential, set_step

from .arguments import DOUBLE, LAYERS, calls
from .test_batch_norm_2d import Operations

KERNELS = {  # part of the names of torch's kernels, one for each pass
    "Conv1d": "convolution",
    "Conv2d": "convolution",
    "MaxPool2d": "max_pool2d",
    "AvgPool2d": "avg_pool2d",
    "BatchNorm2d": "batch_norm",
}


def made(name: str) -> tuple[Layer, Tensor]:
    """Return a layer with the arguments that it needs, and an input."""
    (_, options), *_ = calls(name)
    shape = LAYERS[name].shapes[0]
    x = torch.randint(5, shape) if name == "Embedding" else torch.randn(shape, dtype=DOUBLE)
    return getattr(torchnet, name)(**options).double(), x


@pytest.mark.parametrize("name", LAYERS)
def test_backward_consumes_what_a_forward_pass_in_training_mode_remembered(name):
    layer, x = made(name)
    grad_output = torch.ones_like(layer.eval()(x))
    layer.train()
    for _ in range(2):
        with pytest.raises(RuntimeError, match=f"^{name}.backward has nothing to work from: make a forward pass"):
            layer.backward(grad_output)
        layer(x)
        layer.backward(grad_output)


@pytest.mark.parametrize("name", LAYERS)
def test_the_gradient_of_the_input_is_left_out_when_not_asked_for(name):
    layer, x = made(name)
    grads = []
    for input_grad in (True, False):
        set_step(layer, 0)
        found = layer.backward(torch.ones_like(layer(x)), input_grad)
        assert (found is None) == (not input_grad or name == "Embedding")
        grads.append([weight.grad for weight in layer.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*grads, strict=True))


@pytest.mark.parametrize("made_of", [Sequential, Residual])
def test_a_sequence_returns_the_gradient_of_its_input_by_default(made_of):
    layer = made_of(Linear(3, 3))
    assert layer.backward(layer(torch.ones(2, 3))) is not None


class Square(Layer):
    """A layer of somebody's own, who did not think of torch.no_grad."""

    def forward(self, x: Tensor) -> Tensor:
        self.remember(x)
        return x * x

    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        return 2 * self.recall() * grad_output


@pytest.mark.parametrize("made_of", [Sequential, Residual])
def test_autograd_sees_nothing_of_the_backward_of_a_sequence(made_of):
    layer, x = made_of(Square()), torch.ones(2, 3)
    layer(x)
    assert not layer.backward(torch.ones(2, 3, requires_grad=True)).requires_grad


@pytest.mark.parametrize("name", LAYERS)
def test_a_gradient_that_would_broadcast_is_refused(name):
    layer, x = made(name)
    y = layer(x)
    one = y[:1] if len(y) > 1 else y[:, :1]
    with pytest.raises(
        ValueError, match=r"^expected grad_output of shape .*: pass the gradient of this layer's output$"
    ):
        layer.backward(torch.ones_like(one))


@pytest.mark.parametrize("name", LAYERS)
def test_autograd_sees_nothing_of_backward(name):
    layer, x = made(name)
    for with_graph in (False, x.is_floating_point()):  # some layers have other kernels for each
        y = layer(x.requires_grad_(with_graph))
        grad_input = layer.backward(torch.ones_like(y, requires_grad=True))
        found = [grad_input, *(weight.grad for weight in layer.parameters())]
        assert not any(it.requires_grad for it in found if it is not None)


def test_all_layers_with_kernels_are_known():
    assert {name for name in LAYERS if hasattr(getattr(torchnet, name), "fast")} == {*KERNELS}


@pytest.mark.parametrize("name", KERNELS)
def test_torchs_kernels_are_called_by_default_and_not_if_they_are_switched_off(name):
    layer, x = made(name)
    for passes in (2, 0):
        with torch.no_grad(), Operations() as operations:
            layer.backward(layer(x))
        assert len([it for it in operations.names if KERNELS[name] in it]) == passes
        layer.fast = False
