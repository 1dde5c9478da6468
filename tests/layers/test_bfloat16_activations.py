"""Activations in bfloat16, as a convolution with matmul_dtype returns them, and the network against torch.autocast."""

import copy

import pytest
import torch
from torch import Tensor, nn

from benchmarks.convnet.autograd import build_convnet
from torchnet import ConvNet, Network, cross_entropy
from torchnet.layers import (
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GroupNorm,
    Layer,
    LayerNorm,
    MultiheadAttention,
    PReLU,
    RMSNorm,
)

EPS = 2**-8  # the largest relative error of rounding to bfloat16, whose mantissa has 8 bits


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).bfloat16()


def formulas(layer: Layer) -> Layer:
    layer.fast = False
    return layer


NORMS = [
    (BatchNorm1d(6), (40, 6)),
    (BatchNorm2d(6), (8, 6, 5, 3)),
    (formulas(BatchNorm2d(6)), (8, 6, 5, 3)),
    (GroupNorm(2, 6), (8, 6, 5, 3)),
    (LayerNorm(30), (8, 5, 30)),
    (RMSNorm(30), (8, 5, 30)),
    (PReLU(6), (8, 6, 5, 3)),
    (MultiheadAttention(6, 2), (5, 4, 6)),
]


@pytest.mark.parametrize(("layer", "shape"), NORMS, ids=[f"{type(it).__name__}-{k}" for k, (it, _) in enumerate(NORMS)])
def test_a_layer_with_float32_weights_computes_in_float32_and_keeps_the_dtype(layer, shape):
    """So its results are those for the same numbers as float32, rounded once; the statistics are not rounded at all."""
    for weight in layer.parameters():
        weight.copy_(1 + 0.3 * random(*weight.shape, seed=weight.numel()))
    rounded, plain = copy.deepcopy(layer), copy.deepcopy(layer)
    # A mean far from zero: sums in bfloat16 would lose all digits of the deviations.
    x, grad_output = random(*shape, seed=1) + 30, random(*shape, seed=2)
    y, expected_y = rounded(x), plain(x.float())
    grad, expected_grad = rounded.backward(grad_output), plain.backward(grad_output.float())
    for name, got, expected in (("output", y, expected_y), ("grad_input", grad, expected_grad)):
        assert got.dtype == torch.bfloat16, name
        close = torch.isclose(got.float(), expected, rtol=EPS, atol=2e-5 * expected.abs().max().item())
        assert close.all(), name
    for name, weight in plain.named_parameters():
        got = rounded.get_parameter(name).grad
        assert got.dtype == torch.float32, name
        torch.testing.assert_close(got, weight.grad, rtol=1e-4, atol=1e-4 * weight.grad.abs().max().item(), msg=name)
    for name, buffer in plain.named_buffers():
        torch.testing.assert_close(rounded.get_buffer(name), buffer, msg=name)


@pytest.mark.parametrize("fast", [True, False])
def test_a_gradient_in_float32_may_follow_an_output_in_bfloat16(fast):
    """A network whose last layer it is converts the logits to float32."""
    layer, plain = BatchNorm2d(6), BatchNorm2d(6)
    layer.fast = fast
    x, grad_output = random(8, 6, 5, 3), random(8, 6, 5, 3, seed=1).float()
    layer(x), plain(x.float())
    torch.testing.assert_close(layer.backward(grad_output).float(), plain.backward(grad_output), rtol=EPS, atol=1e-5)
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad)


@pytest.mark.parametrize("fast", [True, False])
def test_the_gradient_of_a_bias_is_summed_in_float32(fast):
    layer = Conv2d(2, 3, 3, matmul_dtype=torch.bfloat16)
    layer.fast = fast
    grad_output = 1 + layer(random(40, 2, 6, 6).float())  # 640 values a channel, whose sum has no digits in bfloat16
    layer.backward(grad_output)
    assert layer.bias.grad.dtype == torch.float32
    torch.testing.assert_close(layer.bias.grad, grad_output.double().sum((0, 2, 3)).float(), rtol=1e-6, atol=1e-4)


def test_weights_of_another_dtype_do_not_take_bfloat16():
    with pytest.raises(ValueError, match=r"expected input of dtype torch.float64, got torch.bfloat16"):
        LayerNorm(3, dtype=torch.float64)(random(2, 3))


def outputs_of(net: nn.Module) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return what will hold the inputs and outputs of each layer without parts, by name."""
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}

    def keep(name: str, x: Tensor, y: Tensor) -> None:
        inputs[name], outputs[name] = x.detach(), y.detach()

    for name, part in net.named_modules():
        if name and not isinstance(part, nn.Sequential):
            part.register_forward_hook(lambda part, args, y, name=name: keep(name, args[0], y))
    return inputs, outputs


def convnets(seed: int = 0) -> tuple[ConvNet, nn.Sequential]:
    generator = torch.Generator().manual_seed(seed)
    net = ConvNet((1, 12, 12), 4, (16, 32), blocks=1, generator=generator, matmul_dtype=torch.bfloat16)
    twin = build_convnet(1, 4, (16, 32), blocks=1)
    twin.load_state_dict(net.state_dict())
    return net, twin.to(memory_format=torch.channels_last)


def step(net: ConvNet, twin: nn.Sequential) -> None:
    """Take the forward and backward pass of both on the same images."""
    images = torch.rand((8, 1, 12, 12), generator=torch.Generator().manual_seed(1))
    labels = torch.arange(8) % 4
    _, grad_logits = cross_entropy(net(images), labels)
    net.backward(grad_logits)
    with torch.autocast("cpu", torch.bfloat16):
        loss = nn.functional.cross_entropy(twin(images.to(memory_format=torch.channels_last)), labels)
    loss.backward()


def test_each_layer_of_a_convnet_returns_what_it_returns_under_autocast():
    """Given the same input, each layer is equal to the bit: the same kernels, in the same dtypes and memory format."""
    net, twin = convnets()
    (_, outputs), (inputs, expected) = outputs_of(net), outputs_of(twin)
    step(net, twin)
    assert outputs.keys() == expected.keys()
    *before, last = expected
    for name in before:
        assert outputs[name].dtype == expected[name].dtype == torch.bfloat16, name
        assert outputs[name].is_contiguous(memory_format=torch.channels_last) or outputs[name].dim() == 2, name
        assert torch.equal(copy.deepcopy(net.get_submodule(name))(inputs[name]), expected[name]), name
    assert outputs[last].dtype == torch.float32  # only the products of the logits are rounded, not their sum with b


@pytest.mark.parametrize("seed", range(3))
def test_the_gradients_of_a_convnet_are_those_under_autocast(seed):
    """All layers before the last one have the same bits, but autocast rounds the logits, by EPS / 2 at most.

    Their gradient, probabilities less targets, moves by about as much, and is rounded once more; what comes before it
    is linear in it. So the gradients differ by EPS of their norm; twice that is allowed.
    """
    net, twin = convnets(seed)
    step(net, twin)
    for name, weight in twin.named_parameters():
        got = net.get_parameter(name).grad
        assert got.dtype == torch.float32, name
        assert (got - weight.grad).norm() <= 2 * EPS * weight.grad.norm(), name
    for name, buffer in twin.named_buffers():
        torch.testing.assert_close(net.get_buffer(name).float(), buffer.float(), rtol=EPS, atol=EPS, msg=name)


def test_the_gradient_of_the_images_has_their_dtype():
    net, _ = convnets()
    x = torch.rand(3, 1, 12, 12)
    for images in (x, x.bfloat16()):
        grad = net.backward(torch.ones_like(net(images)), input_grad=True)
        assert (grad.dtype, grad.shape) == (images.dtype, x.shape)


def test_a_network_that_ends_with_a_convolution_returns_float32():
    net = Network(Conv2d(1, 3, 5, matmul_dtype=torch.bfloat16), Flatten())
    logits = net(torch.rand(4, 1, 5, 5))
    assert logits.dtype == torch.float32
    _, grad = cross_entropy(logits, torch.arange(4) % 3)
    net.backward(grad)
    assert net[0].weight.grad.dtype == torch.float32


def test_dropout_keeps_the_dtype():
    layer = Dropout(0.5)
    x = random(100, 7)
    y = layer(x)
    assert y.dtype == torch.bfloat16
    assert torch.equal(y[y != 0], (2 * x)[y != 0])
    assert layer.backward(x).dtype == torch.bfloat16
