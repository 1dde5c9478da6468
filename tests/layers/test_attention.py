"""Compare MultiheadAttention with autograd of torch.nn."""

import inspect

import pytest
import torch
from torch import nn

from torchnet import MultiheadAttention, check

from .test_layers import random

E, L, N = 6, 5, 3
LAYOUTS = {"(L, N, E)": ((L, N, E), False), "(N, L, E)": ((N, L, E), True), "(L, E)": ((L, E), False)}
CAUSAL = torch.ones(L, L).triu(1).bool()


MASKS = ["none", "causal", "numbers", "for each head", "numbers for each head"]
MASKS += ["no position attends to the third", "in each head no position attends to the third"]
ROW = torch.zeros(L, L).bool().index_fill(0, torch.tensor(2), True)  # the third position attends to none


def mask_of(kind: str, heads: int) -> torch.Tensor | None:
    some = random(heads, L, L, seed=7)
    forbidden = (some > 0.5) & ~torch.eye(L).bool()
    nothing = torch.zeros_like(forbidden)
    return {
        "none": None,
        "causal": CAUSAL,
        "numbers": some[0],
        "no position attends to the third": nothing[0].index_fill(1, torch.tensor(2), True),
        "for each head": forbidden,
        "in each head no position attends to the third": nothing.index_fill(2, torch.tensor(2), True),
        "numbers for each head": some.masked_fill(forbidden, -torch.inf),
    }[kind]


def both(heads: int = 2, bias: bool = True, batch_first: bool = False) -> tuple[MultiheadAttention, nn.Module]:
    layer = MultiheadAttention(E, heads, bias=bias, batch_first=batch_first, dtype=torch.float64)
    twin = nn.MultiheadAttention(E, heads, bias=bias, batch_first=batch_first, dtype=torch.float64)
    for seed, weight in enumerate(layer.parameters()):
        weight.copy_(random(*weight.shape, seed=seed))
    twin.load_state_dict(layer.state_dict())
    assert [*layer.state_dict()] == [*twin.state_dict()]
    return layer, twin


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("heads", [1, 2, 6])
@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("need_weights", [True, False])
def test_matches_torch(layout, heads, kind, need_weights, expect_equal):
    shape, batch_first = LAYOUTS[layout]
    mask = mask_of(kind, heads * (N if len(shape) == 3 else 1))
    for bias in (True, False):
        layer, twin = both(heads, bias, batch_first)
        x, grad_output = random(*shape, seed=8).requires_grad_(), random(*shape, seed=9)
        expected, _ = twin(x, x, x, attn_mask=mask, need_weights=need_weights)
        expected.backward(grad_output)
        for _ in range(2):  # the gradients are overwritten, not accumulated
            expect_equal("output", layer(x.detach(), mask), expected.detach(), "torch.nn")
            expect_equal("grad_input", layer.backward(grad_output), x.grad, "autograd")
            for name, weight in layer.named_parameters():
                expect_equal(f"{name}.grad", weight.grad, twin.get_parameter(name).grad, "autograd")


def test_the_order_of_the_positions_does_not_matter():
    layer, _ = both(batch_first=True)
    x, order = random(N, L, E), torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(layer(x[:, order]), layer(x)[:, order], rtol=1e-13, atol=1e-13)


def test_with_a_causal_mask_no_position_depends_on_later_ones():
    layer, _ = both(batch_first=True)
    x = random(N, L, E)
    y = layer(x, CAUSAL)
    for i in range(L - 1):
        changed = x.clone()
        changed[:, i + 1 :] = random(N, L - i - 1, E, seed=i)
        assert torch.equal(layer(changed, CAUSAL)[:, : i + 1], y[:, : i + 1])
        grad_output = torch.zeros_like(x)
        grad_output[:, i] = 1
        layer(x, CAUSAL)
        assert not layer.backward(grad_output)[:, i + 1 :].any()


@pytest.mark.parametrize("mask", [None, CAUSAL])
def test_the_check_passes(mask):
    layer, _ = both()
    report = check(layer, random(L, N, E), *(() if mask is None else (mask,)))
    assert report.passed, report
    assert all("complex step" in it.comparisons for it in report.tensors)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.ones(L, L).bool(), "expected attn_mask to allow a position in each row, got a row that"),
        (torch.full((L, L), -torch.inf), "expected attn_mask to allow a position in each row"),
        (~CAUSAL, "expected attn_mask to allow"),
        (ROW, "expected attn_mask to allow"),
        (torch.stack([~ROW, *[ROW] * 5]) & ROW, "expected attn_mask to allow"),
        (torch.zeros(L), r"expected attn_mask of shape \(5, 5\) or \(6, 5, 5\), got \(5,\)"),
        (torch.zeros(N, L, L), r"expected attn_mask of shape \(5, 5\) or \(6, 5, 5\), got \(3, 5, 5\)"),
        (torch.zeros(L, L).int(), r"expected attn_mask of booleans or floats, got torch.int32: True forbids"),
    ],
)
def test_refuses_masks(mask, message):
    with pytest.raises(ValueError, match=message):
        both()[0](random(L, N, E), mask)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (random(L, N, 4), r"expected input of shape \(\*, 6\), got \(5, 3, 4\)"),
        (random(E), r"expected input of shape \(L, N, E\), \(N, L, E\) or \(L, E\), got \(6,\)"),
        (random(2, L, N, E), r"expected input of shape \(L, N, E\), \(N, L, E\) or \(L, E\), got \(2, 5, 3, 6\)"),
        (random(L, N, E).float(), "expected input of dtype torch.float64, got torch.float32"),
    ],
)
def test_refuses_what_does_not_fit(x, message):
    with pytest.raises(ValueError, match=message):
        both()[0](x)


def test_the_arguments_are_those_of_torch():
    def arguments(kind):
        parameters = inspect.signature(kind).parameters.values()
        return [(p.name, p.default) for p in parameters if p.kind == p.POSITIONAL_OR_KEYWORD]

    assert arguments(MultiheadAttention) == arguments(nn.MultiheadAttention)
    refused = {"dropout": 0.1, "add_bias_kv": True, "add_zero_attn": True, "kdim": 4, "vdim": 5}
    for name, value in refused.items():
        with pytest.raises(ValueError, match=f"{name}: expected it to be left out, got {value}"):
            MultiheadAttention(E, 2, **{name: value})
    MultiheadAttention(E, 2, kdim=E, vdim=E)
    for heads in (4, 12):
        with pytest.raises(ValueError, match=f"num_heads: expected a divisor of embed_dim 6, got {heads}"):
            MultiheadAttention(E, heads)


def test_the_initial_weights():
    layer = MultiheadAttention(64, 4, generator=torch.Generator().manual_seed(0))
    same = MultiheadAttention(64, 4, generator=torch.Generator().manual_seed(0))
    assert all(torch.equal(a, b) for a, b in zip(layer.parameters(), same.parameters(), strict=True))
    assert not layer.in_proj_bias.any()
    bound = (6 / (64 + 3 * 64)) ** 0.5
    assert 0.95 * bound < layer.in_proj_weight.abs().max() <= bound
    assert MultiheadAttention(E, 2, bias=False).in_proj_bias is None
    zeros = MultiheadAttention(E, 2, initializer=lambda shape, generator, dtype: torch.zeros(shape))
    assert not any(weight.any() for weight in zeros.parameters())


def test_the_contract():
    layer, _ = both()
    x = random(L, N, E)
    with pytest.raises(RuntimeError, match=r"MultiheadAttention\.backward has nothing to work from"):
        layer.backward(x)
    layer(x)
    assert layer.backward(x, input_grad=False) is None
    layer(x.clone().requires_grad_())
    assert not layer.backward(x.clone().requires_grad_()).requires_grad
    assert not any(weight.grad.requires_grad for weight in layer.parameters())
    layer(x[:, :1])
    with pytest.raises(ValueError, match=r"expected grad_output of shape \(5, 1, 6\), got \(5, 6\)"):
        layer.backward(x[:, 0])
    layer.eval()(x)
    with pytest.raises(RuntimeError, match="forward pass"):
        layer.backward(x)


def test_query_key_and_value_are_refused():
    layer, _ = both()
    x = random(L, N, E)
    with pytest.raises(TypeError, match="expected one input, which is query, key and value: call attention"):
        layer(x, x, x)


def test_a_mask_has_the_dtype_of_the_scores():
    layer, mask = both()[0].float(), torch.where(CAUSAL, -torch.inf, 0.0)
    x = random(L, N, E).float()
    assert torch.equal(layer(x, mask.double()), layer(x, mask.float()))
