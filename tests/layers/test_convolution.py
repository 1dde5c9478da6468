"""Compare convolutions with autograd of torch.nn, and their two paths with each other."""

import copy
import dataclasses
import inspect

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from torchnet import AvgPool2d, Conv1d, Conv2d, Linear, MaxPool2d
from torchnet.layers.images import memory_format
from torchnet.layers.patches import windows

from .geometries import MEMORY_FORMATS, convolutions, grad_output, results
from .test_layers import random, whole_numbers
from .twins import randomized

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
BOTH_PATHS = pytest.mark.parametrize("fast", [True, False], ids=["kernels", "written out"])


def conv(*arguments, fast=True, seed=0, **options) -> Conv2d:
    layer = randomized(Conv2d(*arguments, **options), seed)
    layer.fast = fast
    return layer


@pytest.mark.parametrize(
    ("layer_class", "shape", "arguments"),
    [
        (Conv2d, (5, 3, 7, 6), (3, 4, 3)),
        (Conv2d, (5, 3, 7, 6), (3, 4, [2, 3], (2, 1), [1, 2])),
        (Conv2d, (3, 7, 6), (3, 4, (4, 2), 1, "same", (1, 3))),
        (Conv2d, (5, 6, 7, 6), (6, 4, 3, 1, 1, 2, 2, False)),
        (Conv2d, (5, 3, 7, 6), (3, 6, 3, 1, 1, 1, 3)),
        (Conv1d, (5, 4, 9), (4, 6, 3, 2, 1, 2, 2)),
        (Conv1d, (4, 9), (4, 6, 4, 1, "same")),
    ],
)
@BOTH_PATHS
def test_gradients_match_autograd(layer_class, shape, arguments, fast, expect_equal):
    layer = randomized(layer_class(*arguments))
    layer.fast = fast
    twin = getattr(nn, layer_class.__name__)(*arguments, dtype=torch.float64)
    twin.load_state_dict(layer.state_dict())
    assert repr(layer) == repr(twin)
    x = random(*shape).requires_grad_()
    expected = twin(x)
    expected.backward(grad_output(expected))
    expect_equal(f"{layer} output", layer(x.detach()), expected.detach(), "torch.nn")
    expect_equal(f"{layer} grad_input", layer.backward(grad_output(expected)), x.grad, "autograd")
    for name, weight in twin.named_parameters():
        expect_equal(f"{layer} {name}.grad", layer.get_parameter(name).grad, weight.grad, "autograd")


@BOTH_PATHS
@given(case=convolutions())
def test_matches_torch(fast, case):
    layer, expected = case.layer(fast), case.expected()
    if expected is None:
        with pytest.raises(ValueError, match="expected an image of at least"):
            layer(case.x)
        return
    for name, got in results(layer, case.x).items():
        torch.testing.assert_close(got, expected[name], rtol=1e-12, atol=1e-12)
        assert not fast or got.is_contiguous() or got.is_contiguous(memory_format=torch.channels_last), name


@settings(max_examples=25)
@given(case=convolutions())
def test_both_paths_agree_in_float32(case):
    assume(case.expected() is not None)
    x = case.x.float()
    fast, plain = (results(case.layer(fast).float(), x) for fast in (True, False))
    for name, got in fast.items():
        assert got.dtype == plain[name].dtype == torch.float32
        scale = plain[name].abs().max() + 1
        torch.testing.assert_close(got / scale, plain[name] / scale, rtol=0, atol=1e-5)


def test_windows_are_shared_and_cannot_be_changed():
    where = windows((5, 5), (3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1))
    with pytest.raises(dataclasses.FrozenInstanceError):
        where.stride = (2, 2)
    assert windows((5, 5), (3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1)) is where
    assert where.output_size == (3, 3)  # no list


@BOTH_PATHS
def test_the_input_gradient_may_be_left_out(fast):
    for arguments in ((3, 2, 3), (3, 2, 2, 1, "same")):
        with_it, without = conv(*arguments, fast=fast), conv(*arguments, fast=fast)
        x = random(4, 3, 5, 5)
        for layer, input_grad in ((with_it, True), (without, False)):
            grad = layer.backward(grad_output(layer(x)), input_grad)
            assert (grad is not None) == input_grad
        assert torch.equal(with_it.weight.grad, without.weight.grad)
        assert torch.equal(with_it.bias.grad, without.bias.grad)


def test_complex_numbers_take_the_plain_path(monkeypatch):
    layer = Conv2d(3, 2, 3, dtype=torch.complex128)
    x = torch.complex(random(2, 3, 5, 4), random(2, 3, 5, 4, seed=1))
    monkeypatch.setattr("torchnet.layers.convolution.convolve", None)
    monkeypatch.setattr("torchnet.layers.convolution.convolve_backward", None)
    twin = nn.Conv2d(3, 2, 3, dtype=torch.complex128)
    twin.load_state_dict(layer.state_dict())
    y = layer(x)
    torch.testing.assert_close(y, twin(x), rtol=1e-12, atol=1e-12)
    assert layer.backward(y).shape == x.shape


def test_a_kernel_of_the_size_of_the_image_is_a_linear_layer():
    layer, x = conv(3, 2, (4, 5)), random(6, 3, 4, 5)
    linear = Linear(60, 2).double()
    linear.load_state_dict({"weight": layer.weight.flatten(1), "bias": layer.bias})
    torch.testing.assert_close(layer(x).flatten(1), linear(x.flatten(1)), rtol=1e-12, atol=1e-12)


@BOTH_PATHS
def test_the_kernel_is_not_flipped(fast):
    layer = conv(1, 1, (1, 2), bias=False, fast=fast)
    layer.weight.copy_(torch.tensor([1.0, 10.0]).view(1, 1, 1, 2))
    assert layer(torch.tensor([[[1.0, 2.0, 3.0]]]).double()).tolist() == [[[21, 32]]]


@BOTH_PATHS
@settings(max_examples=25)
@given(shift=st.tuples(st.integers(-2, 2), st.integers(-2, 2)), seed=st.integers(0, 9))
def test_a_shift_of_the_image_shifts_the_output(fast, shift, seed):
    layer, x = conv(2, 3, 3, padding=1, fast=fast, seed=seed), random(2, 2, 9, 9, seed=seed)
    y, shifted = layer(x), layer(x.roll(shift, (2, 3)))
    inside = slice(3, -3)  # where neither a border nor the rolled part is seen
    torch.testing.assert_close(shifted[..., inside, inside], y.roll(shift, (2, 3))[..., inside, inside])


@settings(max_examples=25)
@given(case=convolutions(), scales=st.tuples(st.floats(-3, 3), st.floats(-3, 3)))
def test_it_is_linear_in_the_input_and_in_the_weight(case, scales):
    assume(case.expected() is not None)
    layer, (a, b) = case.layer(), scales
    layer.bias = None
    u, v = case.x, case.x.flip(-1) + 1
    torch.testing.assert_close(layer(a * u + b * v), a * layer(u) + b * layer(v), rtol=1e-11, atol=1e-11)
    y, weight, other = layer(u), layer.weight.clone(), layer.weight.flip(0) - 1
    layer.weight.copy_(other)
    of_other = layer(u)
    layer.weight.copy_(a * weight + b * other)
    torch.testing.assert_close(layer(u), a * y + b * of_other, rtol=1e-11, atol=1e-11)


@BOTH_PATHS
@settings(max_examples=25)
@given(case=convolutions())
def test_backward_is_the_adjoint_of_forward(fast, case):
    assume(case.expected() is not None)
    layer = case.layer(fast)
    layer.bias = None
    y = layer(case.x)
    grad = grad_output(y)
    grad_input = layer.backward(grad)
    product = (y * grad).sum()
    torch.testing.assert_close((case.x * grad_input).sum(), product, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close((layer.weight * layer.weight.grad).sum(), product, rtol=1e-10, atol=1e-10)


@BOTH_PATHS
def test_permuted_channels_within_groups_permute_the_weights(fast):
    layer, x = conv(6, 4, 3, groups=2, fast=fast), random(3, 6, 5, 5)
    order = torch.tensor([2, 0, 1])
    permuted = conv(6, 4, 3, groups=2, fast=fast)
    permuted.weight.copy_(layer.weight[:, order])
    torch.testing.assert_close(permuted(x[:, torch.cat([order, 3 + order])]), layer(x))


@BOTH_PATHS
def test_a_group_is_a_convolution_of_its_own(fast):
    layer, x = conv(6, 4, 3, groups=2, fast=fast), random(3, 6, 5, 5)
    parts = []
    for group in range(2):
        alone = conv(3, 2, 3, fast=fast)
        alone.weight.copy_(layer.weight[2 * group : 2 * group + 2])
        alone.bias.copy_(layer.bias[2 * group : 2 * group + 2])
        parts.append(alone(x[:, 3 * group : 3 * group + 3]))
    torch.testing.assert_close(layer(x), torch.cat(parts, dim=1))


@BOTH_PATHS
@settings(max_examples=25)
@given(case=convolutions(dimensions=1))
def test_conv1d_is_conv2d_of_height_one(fast, case):
    assume(case.expected() is not None)
    signals, padding = case.layer(fast), case.layer().padding
    flat = Conv2d(
        signals.in_channels,
        signals.out_channels,
        (1, *signals.kernel_size),
        (1, *signals.stride),
        padding if isinstance(padding, str) else (0, *padding),
        (1, *signals.dilation),
        signals.groups,
        signals.bias is not None,
        dtype=torch.float64,
    )
    flat.fast = fast
    flat.load_state_dict({name: w[:, :, None] if w.dim() == 3 else w for name, w in signals.state_dict().items()})
    expected = results(flat, case.x.unsqueeze(-2))
    for name, got in results(signals, case.x).items():
        torch.testing.assert_close(got, expected[name].reshape(got.shape), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel_size", [3, 4])
def test_memory_formats_are_kept_and_do_not_matter(kernel_size):
    x, found = random(4, 3, 6, 5), []
    for layout in MEMORY_FORMATS.values():
        layer = conv(3, 6, kernel_size, padding="same").to(memory_format=layout)
        found.append(results(layer, x.contiguous(memory_format=layout)))
        for tensor in (found[-1]["output"], found[-1]["input"], layer.weight.grad):
            assert tensor.is_contiguous(memory_format=layout)
    for name, got in found[1].items():
        torch.testing.assert_close(got, found[0][name], rtol=1e-12, atol=1e-12)


def test_a_gradient_has_the_layout_of_its_weight():
    layer = conv(3, 6, 3)
    results(layer, random(4, 3, 6, 5).contiguous(memory_format=torch.channels_last))
    assert layer.weight.grad.stride() == layer.weight.stride()


@BOTH_PATHS
@pytest.mark.parametrize("input_dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
def test_bfloat16_rounds_the_operands_and_the_products(fast, input_dtype, bias):
    layer = Conv2d(2, 3, (2, 3), bias=bias, matmul_dtype=torch.bfloat16)
    layer.fast = fast
    weights = {"weight": whole_numbers(3, 2, 2, 3, seed=0)} | ({"bias": whole_numbers(3, seed=1)} if bias else {})
    layer.load_state_dict(weights)
    x = whole_numbers(4, 2, 2, 3, seed=2)
    grad = whole_numbers(4, 3, 1, 1, seed=3)
    y = layer(x.to(input_dtype))
    grad_input = layer.backward(grad)
    rounded_x, rounded_grad, W = x.bfloat16().double(), grad.bfloat16().double().flatten(1), layer.weight.flatten(1)
    W = W.bfloat16().double()
    product = rounded_x.flatten(1) @ W.T
    if bias:  # added before the product is rounded by the kernel, and afterwards by the formula
        product = (product if fast else product.bfloat16().double()) + layer.bias.bfloat16()
    expected = {
        "output": product.bfloat16(),
        "weight": (rounded_grad.T @ rounded_x.flatten(1)).bfloat16().float(),
        "input": (rounded_grad @ W).bfloat16().to(input_dtype),
    }
    for name, got in {"output": y, "weight": layer.weight.grad, "input": grad_input}.items():
        assert got.dtype == expected[name].dtype, name
        assert torch.equal(got.flatten(1), expected[name]), name
    if bias:
        assert layer.bias.grad.dtype == torch.float32
        assert torch.equal(layer.bias.grad, grad.sum(dim=(0, 2, 3)))
    assert torch.equal(layer.weight, weights["weight"])


def test_rounded_products_are_added_up_unrounded_to_the_gradient_of_the_input():
    layer = Conv2d(1, 1, (1, 2), bias=False, matmul_dtype=torch.bfloat16)
    layer.fast = False
    layer.weight.fill_(1)
    layer(torch.ones(1, 1, 1, 3))
    assert layer.backward(torch.tensor([[[[256.0, 1.0]]]])).flatten().tolist() == [256, 257, 1]


@pytest.mark.parametrize("layer", [Conv2d(2, 3, 2, 1, "same"), MaxPool2d(2, 1, 1), AvgPool2d(2, 1, 1)], ids=str)
@BOTH_PATHS
def test_all_tensors_are_on_the_device_of_the_images(layer, fast):
    layer = copy.deepcopy(layer).to("meta")
    layer.fast = fast
    y = layer(torch.ones((4, 2, 5, 5), device="meta"))
    assert y.device.type == layer.backward(y).device.type == "meta"


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_weights_that_are_not_float32_are_not_rounded(dtype):
    found = []
    for matmul_dtype in (None, torch.bfloat16):
        layer = Conv2d(2, 3, 2, generator=torch.Generator().manual_seed(0), dtype=dtype, matmul_dtype=matmul_dtype)
        found.append(results(layer, random(4, 2, 3, 3).to(dtype)))
    assert all(got.dtype == dtype and torch.equal(got, found[1][name]) for name, got in found[0].items())


@pytest.mark.parametrize(("ours", "theirs"), [(Conv1d, nn.Conv1d), (Conv2d, nn.Conv2d)])
def test_arguments_and_attributes_are_those_of_torch(ours, theirs):
    parameters = inspect.signature(theirs).parameters
    names = [name for name, it in inspect.signature(ours).parameters.items() if it.kind is not it.KEYWORD_ONLY]
    assert names == list(parameters)
    for name in names[3:]:
        assert inspect.signature(ours).parameters[name].default == parameters[name].default
    for options in ({}, {"padding": 2, "stride": 2}, {"padding": "same", "groups": 2, "bias": False}, {"dilation": 3}):
        layer, twin = ours(4, 2, 3, **options), theirs(4, 2, 3, **options)
        assert repr(layer) == repr(twin)
        for name in (*names[:7], "padding_mode"):
            assert getattr(layer, name) == getattr(twin, name), name
        assert {name: it.shape for name, it in layer.state_dict().items()} == {
            name: it.shape for name, it in twin.state_dict().items()
        }
        assert not any(weight.requires_grad for weight in layer.parameters())


def test_what_torchnet_adds():
    layer = Conv2d(2, 3, 1, matmul_dtype=torch.bfloat16)
    assert repr(layer) == "Conv2d(2, 3, kernel_size=(1, 1), stride=(1, 1), matmul_dtype=torch.bfloat16)"
    made = Conv2d(4, 2, (3, 1), groups=2, device="meta", dtype=torch.float64)
    assert (made.weight.device.type, made.weight.dtype, made.bias.device.type) == ("meta", torch.float64, "meta")
    assert (made.bias.dtype, made.weight.shape) == (torch.float64, (2, 2, 3, 1))
    shapes = []
    Conv2d(4, 2, 3, groups=2, initializer=lambda shape, *_: shapes.append(shape) or torch.ones(shape))
    assert shapes == [(2, 2, 3, 3)]
    assert torch.equal(Conv2d(2, 3, 1).bias, torch.zeros(3))
    same = [Conv2d(2, 3, 1, generator=torch.Generator().manual_seed(4)).weight for _ in range(2)]
    assert torch.equal(*same)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"padding_mode": "reflect"}, "padding_mode: expected it to be left out, got 'reflect'"),
        ({"groups": 4}, "in_channels: expected a multiple of groups, 4, got 6"),
        ({"groups": 6}, "out_channels: expected a multiple of groups, 6, got 3"),
        ({"groups": 0}, "groups: expected a whole number from 1 up, got 0"),
        ({"in_channels": 0}, "in_channels: expected a whole number from 1 up, got 0"),
        ({"out_channels": 0}, "out_channels: expected a whole number from 1 up, got 0"),
        ({"kernel_size": 0}, "kernel_size: expected a whole number from 1 up or 2 of them, got 0"),
        ({"kernel_size": (3,)}, r"kernel_size: expected .* or 2 of them, got \(3,\)"),
        ({"kernel_size": (3, 3, 3)}, r"kernel_size: expected .* or 2 of them, got \(3, 3, 3\)"),
        ({"kernel_size": 2.5}, "kernel_size: expected a whole number from 1 up or 2 of them, got 2.5"),
        ({"kernel_size": (2, 2.5)}, r"kernel_size: expected .*, got \(2, 2.5\)"),
        ({"stride": 0}, "stride: expected a whole number from 1 up or 2 of them, got 0"),
        ({"stride": (1, 0)}, r"stride: expected a whole number from 1 up or 2 of them, got \(1, 0\)"),
        ({"dilation": 0}, "dilation: expected a whole number from 1 up or 2 of them, got 0"),
        ({"padding": -1}, "padding: expected a whole number from 0 up or 2 of them, got -1"),
        ({"padding": "full"}, "padding: expected numbers, 'valid', or 'same' with stride 1, got 'full'"),
        (
            {"padding": "same", "stride": (1, 2)},
            "padding: expected numbers, 'valid', or 'same' with stride 1, got 'same'",
        ),
        ({"matmul_dtype": torch.float16}, "matmul_dtype: expected torch.bfloat16 or None, got torch.float16"),
    ],
)
def test_invalid_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Conv2d(**{"in_channels": 6, "out_channels": 3, "kernel_size": 3} | arguments)


def test_conv1d_takes_one_number():
    with pytest.raises(ValueError, match=r"stride: expected a whole number from 1 up, got \(1, 1\)"):
        Conv1d(1, 1, 3, (1, 1))


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Conv2d(3, 2, 3), (4, 2, 5, 5), r"expected input of shape \(N, 3, H, W\) or \(3, H, W\), got \(4, 2, 5, 5\)"),
        (Conv2d(3, 2, 3), (5, 5), r"expected input of shape \(N, 3, H, W\) or \(3, H, W\), got \(5, 5\)"),
        (Conv2d(3, 2, 3), (1, 4, 3, 5, 5), r"expected input of shape .*, got \(1, 4, 3, 5, 5\): reshape each sample"),
        (Conv1d(3, 2, 3), (4, 5), r"expected input of shape \(N, 3, L\) or \(3, L\), got \(4, 5\)"),
        (Conv2d(3, 2, 3), (4, 5, 5, 3), r"got \(4, 5, 5, 3\): move the channels with x.movedim\(-1, -3\)$"),
        (Conv2d(3, 2, 3), (5, 5, 3), r"got \(5, 5, 3\): move the channels with x.movedim\(-1, -3\)$"),
        (Conv1d(3, 2, 3), (4, 5, 3), r"got \(4, 5, 3\): move the channels with x.movedim\(-1, -2\)$"),
        (Conv2d(3, 2, 3), (4, 5, 5, 5), r"got \(4, 5, 5, 5\): reshape each sample to its channels and pixels$"),
        (Conv2d(3, 2, 3), (4, 3), r"got \(4, 3\): reshape each sample to its channels and pixels$"),
        (Conv2d(3, 2, 3), (0, 3, 5, 5), "expected at least one sample, got an empty batch"),
        (Conv2d(3, 2, (3, 2), dilation=2), (4, 3, 4, 9), r"at least \(5, 3\) pixels, .*, got \(4, 9\) with padding"),
        (Conv2d(3, 2, 6, padding=(1, 4)), (4, 3, 3, 9), r"at least \(6, 6\) pixels, .*, got \(5, 17\) with padding"),
    ],
)
def test_input_that_does_not_fit_is_refused(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer(torch.ones(shape))


@pytest.mark.parametrize("dtype", [torch.float64, torch.uint8, torch.bfloat16])
def test_input_of_another_dtype_is_refused(dtype):
    with pytest.raises(ValueError, match=f"expected input of dtype torch.float32, got {dtype}"):
        Conv2d(3, 2, 3)(torch.ones(4, 3, 5, 5, dtype=dtype))


@pytest.mark.parametrize("shape", [(4, 2, 3, 1), (1, 2, 3, 3), (2, 3, 3)])
def test_a_gradient_of_another_shape_is_refused(shape):
    layer = Conv2d(3, 2, 3)
    layer(torch.ones(4, 3, 5, 5))
    with pytest.raises(ValueError, match=r"expected grad_output of shape \(4, 2, 3, 3\), got"):
        layer.backward(torch.ones(shape))


@BOTH_PATHS
def test_autograd_sees_nothing_of_backward(fast):
    layer, x = conv(3, 2, 3, fast=fast), random(4, 3, 5, 5).requires_grad_()
    grad = layer.backward(grad_output(layer(x)).requires_grad_())
    assert not any(tensor.requires_grad for tensor in (grad, layer.weight.grad, layer.bias.grad))
    layer(2 * x)
    operand, _ = layer._remembered
    assert not operand.requires_grad


def test_the_memory_format_of_images():
    images = random(2, 3, 4, 5)
    last = images.contiguous(memory_format=torch.channels_last)
    assert memory_format(last) == torch.channels_last
    one_channel = last[:, :1].contiguous()  # in both formats
    for other in (images, images[..., ::2], last[..., ::2], one_channel, images[0], last[0]):
        assert memory_format(other) == torch.contiguous_format


def test_an_image_is_copied_only_if_its_padding_is_larger_at_the_end(monkeypatch):
    monkeypatch.setattr("torch.nn.functional.pad", None)
    results(conv(3, 2, 3, padding="same"), random(4, 3, 5, 5))
    with pytest.raises(TypeError):
        conv(3, 2, 2, padding="same")(random(4, 3, 5, 5))
