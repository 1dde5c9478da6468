"""Compare poolings with autograd of torch.nn, and their two paths with each other."""

import copy
import inspect
import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import torchnet
from torchnet import AdaptiveAvgPool2d, AvgPool2d, Conv2d, MaxPool2d
from torchnet.layers.layer import Layer

from .geometries import MEMORY_FORMATS, grad_output, poolings, results
from .test_layers import random

BOTH_PATHS = pytest.mark.parametrize("fast", [True, False], ids=["kernels", "written out"])
KINDS = [(MaxPool2d, nn.MaxPool2d), (AvgPool2d, nn.AvgPool2d)]
INF, NAN = math.inf, math.nan


def on_path(layer: Layer, fast: bool) -> Layer:
    layer.fast = fast
    return layer


@pytest.mark.parametrize(
    ("layer", "twin"),
    [
        (MaxPool2d(2), nn.MaxPool2d(2)),
        (MaxPool2d((3, 2), (2, 1), 1), nn.MaxPool2d((3, 2), (2, 1), 1)),
        (MaxPool2d((3, 4), (1, 3), (1, 2), 2, ceil_mode=True), nn.MaxPool2d((3, 4), (1, 3), (1, 2), 2, ceil_mode=True)),
        (AvgPool2d(2), nn.AvgPool2d(2)),
        (AvgPool2d((3, 2), (2, 1), 1), nn.AvgPool2d((3, 2), (2, 1), 1)),
        (AvgPool2d(3, 2, 1, True), nn.AvgPool2d(3, 2, 1, True)),
        (AvgPool2d(3, 2, (0, 1), True, False), nn.AvgPool2d(3, 2, (0, 1), True, False)),
        (AvgPool2d(3, 2, 1, divisor_override=5), nn.AvgPool2d(3, 2, 1, divisor_override=5)),
        (AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d(1)),
        (AdaptiveAvgPool2d((1, 1)), nn.AdaptiveAvgPool2d((1, 1))),
    ],
    ids=lambda layer: str(layer),
)
@pytest.mark.parametrize("shape", [(5, 3, 8, 6), (3, 6, 8)])
@BOTH_PATHS
def test_gradients_match_autograd(layer, twin, shape, fast, expect_equal):
    layer = on_path(copy.deepcopy(layer), fast)
    assert repr(layer) == repr(twin)
    x = random(*shape).requires_grad_()
    expected = twin(x)
    expected.backward(grad_output(expected))
    expect_equal(f"{layer} output", layer(x.detach()), expected.detach(), "torch.nn")
    expect_equal(f"{layer} grad_input", layer.backward(grad_output(expected)), x.grad, "autograd")
    layer(x.detach())
    assert layer.backward(grad_output(expected), input_grad=False) is None


@BOTH_PATHS
@given(case=poolings())
def test_matches_torch(fast, case):
    layer, expected = case.layer(fast), case.expected()
    if expected is None:
        with pytest.raises(ValueError, match="expected an image of at least"):
            layer(case.x)
        return
    if expected["output"].isinf().any():
        with pytest.raises(ValueError, match="expected each window to have a pixel of the image, got an image of"):
            layer(case.x)
        return
    for name, got in results(layer, case.x).items():
        torch.testing.assert_close(got, expected[name], rtol=1e-12, atol=1e-12)


@settings(max_examples=25)
@given(case=poolings())
def test_both_paths_agree_in_float32(case):
    x = case.x.float()
    try:
        fast, plain = (results(case.layer(fast), x) for fast in (True, False))
    except ValueError:
        assume(False)
    for name, got in fast.items():
        assert got.dtype == plain[name].dtype == torch.float32
        torch.testing.assert_close(got, plain[name], rtol=1e-6, atol=1e-6)


@BOTH_PATHS
@pytest.mark.parametrize(
    ("row", "largest", "winner"),
    [
        ([1, 3, 3, 2], 3, 1),  # the first of several
        ([-INF, -INF, -INF, -INF], -INF, 0),
        ([1, NAN, 5, NAN], NAN, 3),  # the last NaN
        ([NAN, INF, 0, 0], NAN, 0),
        ([-5, -1, -2, -1], -1, 1),
        ([0.0, -0.0, 0.0, 0.0], 0, 0),
    ],
)
@pytest.mark.parametrize("padding", [0, 1])
def test_one_pixel_of_a_window_gets_its_gradient(row, largest, winner, padding, fast):
    x = torch.tensor([[row]], dtype=torch.float64)
    arguments = ((1, 4), None, 0) if padding == 0 else ((3, 8), None, (1, 2))
    layer, twin = on_path(MaxPool2d(*arguments), fast), nn.MaxPool2d(*arguments)
    y = layer(x)
    assert y.item() == pytest.approx(largest, nan_ok=True)
    grad = layer.backward(torch.full_like(y, 7))
    assert grad.flatten().tolist() == [7 * (i == winner) for i in range(4)]
    x.requires_grad_()
    twin(x).backward(torch.full_like(y, 7))
    assert torch.equal(grad, x.grad)


@BOTH_PATHS
def test_overlapping_windows_add_up(fast):
    x = torch.tensor([[[0.0, 5.0, 1.0]]]).double()
    assert results(on_path(MaxPool2d((1, 2), 1), fast), x)["output"].tolist() == [[[5, 5]]]
    layer = on_path(MaxPool2d((1, 2), 1), fast)
    layer(x)
    assert layer.backward(torch.tensor([[[2.0, 3.0]]]).double()).tolist() == [[[0, 5, 0]]]
    layer = on_path(AvgPool2d((1, 2), 1), fast)
    assert layer(x).tolist() == [[[2.5, 3]]]
    assert layer.backward(torch.tensor([[[2.0, 4.0]]]).double()).tolist() == [[[1, 3, 2]]]


@pytest.mark.parametrize("number", [-2.5, 0.0, 3.0])
@settings(max_examples=25)
@given(case=poolings())
def test_a_constant_image_stays_constant(number, case):
    layer = case.layer()
    if isinstance(layer, AvgPool2d):
        assume(layer.divisor_override is None)
        layer.count_include_pad = False
    try:
        y = layer(torch.full_like(case.x, number))
    except ValueError:
        assume(False)
    torch.testing.assert_close(y, torch.full_like(y, number))


@given(value=st.floats(-3, 3), shape=st.tuples(*[st.integers(1, 5)] * 4))
def test_the_mean_of_constant_channels(value, shape):
    layer = AdaptiveAvgPool2d(1)
    y = layer(torch.full(shape, value, dtype=torch.float64))
    torch.testing.assert_close(y, torch.full((*shape[:2], 1, 1), value, dtype=torch.float64))
    torch.testing.assert_close(layer.backward(torch.ones_like(y)).sum().item(), float(shape[0] * shape[1]))


@BOTH_PATHS
@settings(max_examples=25)
@given(case=poolings())
def test_backward_is_the_adjoint_of_forward(case, fast):
    layer = case.layer(fast)
    try:
        y = layer(case.x)
    except ValueError:
        assume(False)
    grad = grad_output(y)
    torch.testing.assert_close((case.x * layer.backward(grad)).sum(), (y * grad).sum(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("layer", [MaxPool2d(3, 2, 1), AvgPool2d(3, 2, 1, True)], ids=str)
@BOTH_PATHS
def test_the_complex_step_takes_the_plain_path(layer, fast):
    report = torchnet.check(on_path(copy.deepcopy(layer), fast), random(2, 3, 6, 5), oracles=["complex step"])
    assert report.passed
    assert report.tensors[0].comparisons["complex step"].error < 1e-12


def test_complex_images_are_averaged():
    x, layer = torch.complex(random(2, 3, 6, 5), random(2, 3, 6, 5, seed=1)), AvgPool2d(3, 2, 1)
    y = layer(x)
    torch.testing.assert_close(y, torch.complex(layer(x.real), layer(x.imag)))
    layer(x)
    grad = layer.backward(y)
    layer(x.real)
    torch.testing.assert_close(grad.real, layer.backward(y.real))


@pytest.mark.parametrize("layer", [MaxPool2d(3, 2, 1), AvgPool2d(3, 2, 1)], ids=str)
def test_backward_is_linear_in_complex_gradients(layer):
    layer, x = copy.deepcopy(layer), random(2, 3, 6, 5)
    grad = torch.complex(random(2, 3, 3, 3, seed=1), random(2, 3, 3, 3, seed=2))
    parts = []
    for part in (grad.real, grad.imag):
        layer(x)
        parts.append(layer.backward(part))
    layer(x)
    torch.testing.assert_close(layer.backward(grad), torch.complex(*parts))


@pytest.mark.parametrize("layer", [MaxPool2d(2), MaxPool2d(3, 2, 1), AvgPool2d(2), AvgPool2d(3, 2, 1)], ids=str)
@pytest.mark.parametrize("grad_layout", MEMORY_FORMATS)
def test_memory_formats_are_kept_and_do_not_matter(layer, grad_layout):
    x, found = random(4, 3, 6, 5), []
    for layout in MEMORY_FORMATS.values():
        layer = copy.deepcopy(layer)
        y = layer(x.contiguous(memory_format=layout))
        grad = grad_output(y).contiguous(memory_format=MEMORY_FORMATS[grad_layout])
        found.append((y, layer.backward(grad)))
        assert all(tensor.is_contiguous(memory_format=layout) for tensor in found[-1])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_the_gradient_of_a_mean_is_not_written_out_and_may_be_passed_on():
    pool, before = AdaptiveAvgPool2d(1), Conv2d(3, 4, 3, padding=1, dtype=torch.float64)
    grad = pool.backward(grad_output(pool(before(random(2, 3, 5, 4)))))
    assert grad.stride()[-2:] == (0, 0)
    expected = before.backward(grad.contiguous())
    before(random(2, 3, 5, 4))
    assert torch.equal(before.backward(grad), expected)


@pytest.mark.parametrize("layer", [MaxPool2d(2), AvgPool2d(2), AdaptiveAvgPool2d(1)], ids=str)
def test_the_image_itself_is_not_remembered(layer):
    x = random(2, 3, 4, 4)
    layer = copy.deepcopy(layer)
    layer(x)
    assert all(value.numel() <= x.numel() // 4 for value in layer._remembered if isinstance(value, torch.Tensor))
    copied = copy.deepcopy(layer)  # between forward and backward
    y = layer(x)
    assert torch.equal(copied.backward(y), layer.backward(y))


@pytest.mark.parametrize(("ours", "theirs"), [*KINDS, (AdaptiveAvgPool2d, nn.AdaptiveAvgPool2d)])
def test_arguments_and_attributes_are_those_of_torch(ours, theirs):
    parameters = inspect.signature(theirs).parameters
    assert list(inspect.signature(ours).parameters) == list(parameters)
    for name, parameter in inspect.signature(ours).parameters.items():
        assert parameter.default == parameters[name].default
    others = [] if ours is AdaptiveAvgPool2d else [(2,), ((2, 3), (1, 2), (1, 0)), (3, 1, 1)]
    for arguments in [(1,), ((1, 1),), ([1, 1],), *others]:
        layer, twin = ours(*arguments), theirs(*arguments)
        assert repr(layer) == repr(twin)
        for name in parameters:
            assert getattr(layer, name) == getattr(twin, name), name


POOLS = pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])


@POOLS
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_size": 0}, "kernel_size: expected a whole number from 1 up or 2 of them, got 0"),
        ({"stride": 0}, "stride: expected a whole number from 1 up or 2 of them, got 0"),
        ({"stride": (1, 1, 1)}, r"stride: expected a whole number from 1 up or 2 of them, got \(1, 1, 1\)"),
        ({"padding": -1}, "padding: expected a whole number from 0 up or 2 of them, got -1"),
        ({"padding": 2}, "padding: expected at most half of kernel_size, 3, got 2"),
        ({"kernel_size": (4, 3), "padding": (0, 2)}, r"at most half of kernel_size, \(4, 3\), got \(0, 2\)"),
    ],
)
def test_invalid_arguments_are_refused(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(**{"kernel_size": 3} | arguments)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MaxPool2d(2, return_indices=True), "return_indices: expected it to be left out, got True"),
        (lambda: MaxPool2d(2, dilation=0), "dilation: expected a whole number from 1 up or 2 of them, got 0"),
        (lambda: MaxPool2d(3, padding=2, dilation=2), "padding: expected at most half of kernel_size, 3, got 2"),
        (
            lambda: AvgPool2d(2, divisor_override=0),
            "divisor_override: expected a whole number other than 0, or None for the mean, got 0",
        ),
        (
            lambda: AvgPool2d(2, divisor_override=2.5),
            "divisor_override: expected a whole number other than 0, or None for the mean, got 2.5",
        ),
        (lambda: AdaptiveAvgPool2d(2), r"output_size: expected 1 or \(1, 1\), the mean of each channel, got 2"),
        (lambda: AdaptiveAvgPool2d((1, 2)), r"output_size: expected 1 or \(1, 1\), .*, got \(1, 2\): take AvgPool2d"),
        (lambda: AdaptiveAvgPool2d(None), r"output_size: expected 1 or \(1, 1\), the mean of each channel, got None"),
    ],
)
def test_what_one_layer_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("layer", [MaxPool2d(3), AvgPool2d(3), AdaptiveAvgPool2d(1)], ids=str)
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5, 5), r"expected input of shape \(N, C, H, W\) or \(C, H, W\), got \(5, 5\): reshape each sample"),
        ((1, 2, 3, 5, 5), r"expected input of shape \(N, C, H, W\) or \(C, H, W\), got \(1, 2, 3, 5, 5\)"),
        ((0, 3, 5, 5), r"expected at least one sample, got an empty batch of shape \(0, 3, 5, 5\)"),
    ],
)
def test_input_of_another_shape_is_refused(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer(torch.ones(shape))


def test_images_that_are_too_small_are_refused():
    with pytest.raises(
        ValueError, match=r"at least \(3, 3\) pixels, which the kernel spans, got \(5, 2\) with padding"
    ):
        AvgPool2d(3)(torch.ones(1, 1, 5, 2))
    with pytest.raises(ValueError, match=r"got an image of \(3, 2\) pixels, which some windows skip"):
        MaxPool2d(2, 1, 1, 3)(torch.ones(1, 1, 3, 2))


@POOLS
@pytest.mark.parametrize("shape", [(4, 3, 2, 1), (1, 3, 2, 2), (3, 2, 2)])
def test_a_gradient_of_another_shape_is_refused(kind, shape):
    layer = kind(2)
    layer(torch.ones(4, 3, 4, 5))
    with pytest.raises(ValueError, match=r"expected grad_output of shape \(4, 3, 2, 2\), got"):
        layer.backward(torch.ones(shape))


def test_the_gradient_of_a_mean_of_another_shape_is_refused():
    layer = AdaptiveAvgPool2d(1)
    layer(torch.ones(4, 3, 4, 5))
    with pytest.raises(ValueError, match=r"expected grad_output of shape \(4, 3, 1, 1\), got \(4, 3\)"):
        layer.backward(torch.ones(4, 3))


@pytest.mark.parametrize("layer", [MaxPool2d(2), AvgPool2d(2), AdaptiveAvgPool2d(1)], ids=str)
@BOTH_PATHS
def test_autograd_sees_nothing_of_backward(layer, fast):
    layer = on_path(copy.deepcopy(layer), fast)
    y = layer(random(2, 3, 4, 4).requires_grad_())
    assert not layer.backward(grad_output(y).requires_grad_()).requires_grad


def test_a_mean_of_whole_numbers_is_refused():
    with pytest.raises(ValueError, match=r"expected input of floating point, got torch.int64: convert it"):
        AdaptiveAvgPool2d(1)(torch.ones((2, 3, 4, 4), dtype=torch.int64))
