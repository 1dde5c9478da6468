"""Compare the initializers with torch.nn.init, with equal generators."""

import math

import pytest
import torch
from torch import nn

from torchnet.initializers import INITIALIZERS

PEERS = {
    "he_normal": lambda w, g: nn.init.kaiming_normal_(w, nonlinearity="relu", generator=g),
    "xavier_normal": lambda w, g: nn.init.xavier_normal_(w, generator=g),
    "xavier_uniform": lambda w, g: nn.init.xavier_uniform_(w, generator=g),
    "lecun_normal": lambda w, g: nn.init.kaiming_normal_(w, nonlinearity="linear", generator=g),
    "zeros": lambda w, g: nn.init.zeros_(w),
}


@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_matches_torch_draw_for_draw(name, dtype):
    got = INITIALIZERS[name]((30, 20), torch.Generator().manual_seed(3), dtype)
    expected = PEERS[name](torch.empty(30, 20, dtype=dtype), torch.Generator().manual_seed(3))
    torch.testing.assert_close(got, expected, rtol=1e-6 if dtype == torch.float32 else 1e-15, atol=0)


@pytest.mark.parametrize(
    ("name", "variance"), [("he_normal", 2 / 400), ("xavier_normal", 2 / 700), ("xavier_uniform", 2 / 700)]
)
def test_variance_is_the_published_one(name, variance):
    weight = INITIALIZERS[name]((300, 400), torch.Generator().manual_seed(0), torch.float64)
    # The relative standard error of a variance estimated from n normal draws is √(2/n).
    assert weight.var().item() == pytest.approx(variance, rel=5 * math.sqrt(2 / weight.numel()))


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_global_generator_is_not_used(name):
    before = torch.get_rng_state()
    INITIALIZERS[name]((3, 2), torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)
