"""Compare clipping with torch.nn.utils, on equal gradients."""

import math

import pytest
import torch
from torch import Tensor, nn

from torchnet import clip_by_norm, clip_by_value
from torchnet.engine.tape import Tape
from torchnet.engine.variants import same_bits

SHAPES = ((4, 3), (4,), (1, 1), (5, 4))


def random_weights(scale: float = 1.0, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Return weights with gradients, and one without."""
    generator = torch.Generator().manual_seed(0)
    weights = [nn.Parameter(torch.ones(shape, dtype=dtype), requires_grad=False) for shape in SHAPES]
    for weight in weights:
        weight.grad = (scale * torch.randn(weight.shape, generator=generator, dtype=torch.float64)).to(dtype)
    return [nn.Parameter(torch.ones(2, dtype=dtype), requires_grad=False), *weights]


def grads(weights: list[Tensor]) -> list[Tensor]:
    return [weight.grad for weight in weights if weight.grad is not None]


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1, 100])
@pytest.mark.parametrize("max_norm", [1e-6, 0.5, 6.0, 1e3, math.inf])
def test_clip_by_norm_matches_torch(max_norm, scale, expect_equal):
    ours, theirs = random_weights(scale), random_weights(scale)
    norm = clip_by_norm(ours, max_norm)
    expected = nn.utils.clip_grad_norm_(theirs, max_norm)
    expect_equal("the norm before clipping", norm, expected, "torch.nn.utils", tolerance=1e-15)
    for got, other in zip(grads(ours), grads(theirs), strict=True):
        expect_equal(f"gradients clipped to norm {max_norm}", got, other, "torch.nn.utils", tolerance=1e-15)


def test_clip_by_norm_keeps_the_direction_of_all_gradients_together():
    weights, untouched = random_weights(), random_weights()
    norm = clip_by_norm(weights, 0.5)
    whole, before = (torch.cat([grad.flatten() for grad in grads(each)]) for each in (weights, untouched))
    assert norm.shape == ()
    assert norm.item() == pytest.approx(math.sqrt((before**2).sum()), rel=1e-15)
    assert whole.norm().item() == pytest.approx(0.5, rel=1e-6)
    torch.testing.assert_close(whole / whole.norm(), before / before.norm(), rtol=1e-14, atol=0)


def test_a_norm_below_the_maximum_changes_no_bit():
    weights, untouched = random_weights(), random_weights()
    clip_by_norm(weights, 100.0)
    assert all(map(same_bits, grads(weights), grads(untouched)))


@pytest.mark.parametrize("max_value", [1e-6, 0.5, 1e3, math.inf])
def test_clip_by_value_matches_torch(max_value):
    ours, theirs = random_weights(), random_weights()
    assert clip_by_value(ours, max_value) is None
    nn.utils.clip_grad_value_(theirs, max_value)
    assert all(map(same_bits, grads(ours), grads(theirs)))


@pytest.mark.parametrize("clip", [clip_by_norm, clip_by_value], ids=lambda clip: clip.__name__)
class TestBoth:
    def test_gradients_are_changed_in_place_and_weights_not_at_all(self, clip):
        weights = random_weights()
        before = [(grad, grad.data_ptr()) for grad in grads(weights)]
        clip(iter(weights), 0.5)
        assert [(grad.data_ptr()) for grad, _ in before] == [address for _, address in before]
        assert all(grad is other for grad, (other, _) in zip(grads(weights), before, strict=True))
        assert weights[0].grad is None
        assert all((weight == 1).all() for weight in weights)

    def test_autograd_does_not_record_clipping(self, clip):
        weight = torch.ones(3)
        weight.grad = torch.full((3,), 2.0, requires_grad=True)
        norm = clip([weight], 0.5)
        assert weight.grad.is_leaf
        assert weight.grad.max() <= 0.5
        assert norm is None or not norm.requires_grad

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_gradients_keep_their_dtype(self, clip, dtype):
        weights = random_weights(10, dtype)
        clip(weights, 0.5)
        assert {grad.dtype for grad in grads(weights)} == {dtype}
        assert max(grad.abs().max() for grad in grads(weights)) <= 0.5

    def test_it_is_captured_and_replayed_on_other_numbers(self, clip):
        captured, plain = random_weights(10), random_weights(0.01)
        tape = Tape(lambda: clip(captured, 0.5))
        assert not tape.allocating
        for scale in (10, 0.01):
            for weights in (captured, plain):
                for grad, other in zip(grads(weights), grads(random_weights(scale)), strict=True):
                    grad.copy_(other)
            tape.replay()
            clip(plain, 0.5)
            assert all(map(same_bits, grads(captured), grads(plain)))

    @pytest.mark.parametrize("maximum", [0, -1.0, math.nan])
    def test_an_invalid_maximum_is_refused(self, clip, maximum):
        with pytest.raises(ValueError, match=f"max_(norm|value): expected a number above 0, got {maximum}"):
            clip(random_weights(), maximum)

    def test_weights_without_gradients_are_refused(self, clip):
        with pytest.raises(ValueError, match="expected weights with gradients to clip, got none: call backward first"):
            clip([torch.ones(2)], 1.0)


def test_a_non_finite_norm_has_the_same_effect_as_in_torch():
    for bad in (math.inf, math.nan):
        ours, theirs = random_weights(), random_weights()
        for weights in (ours, theirs):
            weights[1].grad[0, 0] = bad
        clip_by_norm(ours, 1.0)
        nn.utils.clip_grad_norm_(theirs, 1.0)
        for got, expected in zip(grads(ours), grads(theirs), strict=True):
            torch.testing.assert_close(got, expected, rtol=0, atol=0, equal_nan=True)
