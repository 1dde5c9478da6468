"""Dropout: masks are functions of (seed, stream, step); given a mask, the results match torch."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from torchnet import Dropout, Dropout2d, Linear, Residual, set_step
from torchnet.engine.tape import Tape
from torchnet.engine.variants import same_bits
from torchnet.layers import step_known
from torchnet.randomness import uniform

from .test_layers import random

ONES = torch.ones(200, 300, dtype=torch.float64)


def mask(layer: Dropout, like: Tensor = ONES) -> Tensor:
    return layer(torch.ones_like(like)).clone()


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_forward_and_backward_are_those_of_torch_with_its_mask(p, dtype):
    layer = Dropout(p, seed=3, stream=1)
    x, grad_output = random(40, 30).to(dtype), random(40, 30, seed=1).to(dtype)
    kept = mask(layer, x) > 0
    leaf = x.clone().requires_grad_()
    # torch's dropout with our mask; for p = 1 its mask is not random either
    expected = functional.dropout(leaf, 1.0) if p == 1 else leaf * kept / (1 - p)
    expected.backward(grad_output)
    y = layer(x)
    grad_input = layer.backward(grad_output)
    tolerance = 4 * torch.finfo(dtype).eps
    torch.testing.assert_close(y, expected.detach(), rtol=tolerance, atol=0)
    torch.testing.assert_close(grad_input, leaf.grad, rtol=tolerance, atol=0)


def test_p_zero_is_the_identity_and_p_one_is_zero():
    x = random(7, 5)
    assert torch.equal(Dropout(0)(x), x)
    assert torch.equal(Dropout(1)(x), torch.zeros_like(x))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_elements_are_dropped_with_probability_p_and_the_mean_is_kept(p):
    layer, n = Dropout(p, seed=1), ONES.numel()
    for step in range(4):
        set_step(layer, step)
        y = mask(layer)
        assert set(y.unique().tolist()) == {0.0, 1 / (1 - p)}
        assert (y == 0).double().mean().item() == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / n))
        assert y.mean().item() == pytest.approx(1, abs=4 * math.sqrt(p / (1 - p) / n))


def test_the_mask_is_that_of_uniform():
    numbers = uniform((200, 300), 5, 2, torch.tensor(11))
    layer = Dropout(numbers[7, 9].item(), seed=5, stream=2)  # a number equal to p is kept
    set_step(layer, 11)
    assert torch.equal(mask(layer) == 0, numbers < layer.p)


@pytest.mark.parametrize("other", [{"seed": 1}, {"stream": 1}, {"step": 1}])
def test_masks_differ_by_seed_stream_and_step(other):
    a, b = Dropout(0.5), Dropout(0.5, seed=other.get("seed", 0), stream=other.get("stream", 0))
    set_step(b, other.get("step", 0))
    assert (mask(a) == mask(b)).double().mean().item() == pytest.approx(0.5, abs=0.01)


def test_backward_ends_a_step_and_forward_does_not():
    layer = Dropout(0.5)
    step = layer.step
    first = mask(layer)
    assert torch.equal(mask(layer), first)
    layer.backward(ONES)
    assert layer.step is step  # in place
    assert layer.step == 1
    second = mask(layer)
    assert not torch.equal(second, first)
    layer.backward(ONES, input_grad=False)
    assert layer.step == 2
    set_step(layer, 1)
    assert torch.equal(mask(layer), second)


def test_the_steps_of_an_engine_count_and_end_no_other():
    layer, same = Dropout(0.5), Dropout(0.5)
    with step_known(layer, torch.tensor(7)):
        found = mask(layer)
        layer.backward(ONES)
    set_step(same, 7)
    assert torch.equal(found, mask(same))
    assert layer.step == 0


def test_a_refused_gradient_ends_no_step():
    layer = Dropout(0.5)
    with pytest.raises(RuntimeError):
        layer.backward(ONES)
    mask(layer)
    with pytest.raises(ValueError, match="grad_output"):
        layer.backward(ONES[:1])
    assert layer.step == 0


def test_backward_uses_the_mask_of_its_own_forward_pass():
    layer = Dropout(0.5)
    y = mask(layer)
    set_step(layer, 7)
    assert torch.equal(layer.backward(ONES), y)


def test_set_step_reaches_every_dropout_in_place():
    net = nn.Sequential(Dropout(), Residual(Linear(3, 3), Residual(Dropout())), nn.ModuleList([Dropout()]))
    dropouts = [module for module in net.modules() if isinstance(module, Dropout)]
    steps = [dropout.step for dropout in dropouts]
    set_step(net, 2**40 + 5)
    assert len(dropouts) == 3
    assert all(dropout.step is step and step == 2**40 + 5 for dropout, step in zip(dropouts, steps, strict=True))


def test_evaluation_is_the_identity_and_counts_nothing():
    layer, x = Dropout(0.5).eval(), random(7, 5)
    assert torch.equal(layer(x), x)
    assert layer.step == 0


def test_there_is_no_state_and_the_global_generator_is_not_used():
    layer = Dropout(0.5)
    assert layer.state_dict() == nn.Dropout(0.5).state_dict() == {}
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = mask(layer)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert torch.equal(mask(layer), first)
    assert layer.step.dtype == torch.int64
    assert layer.double().step.dtype == torch.int64
    assert "step" in dict(layer.named_buffers())  # so that it moves with the layer to another device


def test_a_replayed_step_uses_the_mask_of_its_step():
    layer, plain, out = Dropout(0.5, seed=2), Dropout(0.5, seed=2), torch.zeros(2, 9, 8)
    x = torch.ones(9, 8)

    def step() -> None:
        out[0].copy_(layer(x))
        out[1].copy_(layer.backward(x))

    tape = Tape(step)
    plain.backward(plain(x))
    for _ in range(3):
        tape.replay()
        y = plain(x)
        assert same_bits(out[0], y)
        assert same_bits(out[1], plain.backward(x))
    assert layer.step == plain.step == 4
    assert not tape.allocating


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_an_invalid_probability_is_refused(p):
    with pytest.raises(ValueError, match=rf"p: expected a probability from 0 to 1, got {p}"):
        Dropout(p)


def test_defaults():
    assert repr(Dropout()) == "Dropout(p=0.5, seed=0, stream=0)"
    assert Dropout().p == nn.Dropout().p


@pytest.mark.parametrize("kind", [Dropout, Dropout2d])
def test_the_arguments_of_torch_come_first(kind):
    assert kind(0.25, False).p == 0.25
    with pytest.raises(ValueError, match="inplace: expected it to be left out, got True: it would overwrite"):
        kind(0.25, True)
    with pytest.raises(TypeError):
        kind(0.25, False, 1)  # the seed is given by name


@pytest.mark.parametrize("shape", [(300, 40, 2, 3), (300, 40, 5)])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_whole_channels_are_dropped_with_probability_p(shape, p):
    layer, x, grad_output = Dropout2d(p, seed=1), random(*shape), random(*shape, seed=1)
    y = layer(x)
    assert torch.equal(layer(x), y)
    factor = (y / x).flatten(2)
    torch.testing.assert_close(factor, factor[:, :, :1].expand_as(factor), rtol=1e-14, atol=0)
    dropped = (factor[:, :, 0] == 0).double()
    torch.testing.assert_close(factor[:, :, 0], (1 - dropped) / (1 - p), rtol=1e-14, atol=0)
    tolerance = 4 * math.sqrt(p * (1 - p) / dropped.numel())
    assert dropped.mean().item() == pytest.approx(p, abs=tolerance)
    assert all((dropped.mean(dim).var() > 0) for dim in (0, 1))  # each channel of each sample by itself
    torch.testing.assert_close(layer.backward(grad_output) / grad_output, y / x, rtol=1e-14, atol=0)
    assert not torch.equal(layer(x), y)


def test_the_gradient_of_dropped_channels_has_the_shape_of_the_images():
    layer, x = Dropout2d(0.5), random(4, 6, 3, 5).contiguous(memory_format=torch.channels_last)
    assert layer(x).stride() == layer.backward(x).stride() == x.stride()
    layer(x)
    with pytest.raises(ValueError, match=r"expected grad_output of shape \(4, 6, 3, 5\), got \(4, 6, 1, 1\)"):
        layer.backward(x[:, :, :1, :1])
    assert torch.equal(layer.eval()(x), x)


@pytest.mark.parametrize("shape", [(6,), (4, 6), (4, 6, 2, 2, 2)])
def test_other_shapes_than_images_and_signals_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected input of shape \(N, C, H, W\) or \(N, C, L\), got .*: use Dropout"):
        Dropout2d()(torch.ones(shape))
