"""Stateless random numbers: compared with Python integers, statistical tests, and independence of draws."""

import hashlib
import itertools
import math
import struct
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

from torchnet import randomness
from torchnet.engine.tape import Tape
from torchnet.engine.variants import same_bits
from torchnet.randomness import uniform, uniforms

SHAPE = (300, 400)
N = math.prod(SHAPE)
DRAWS: dict[str, tuple[int, int, int]] = {
    "first": (0, 0, 0),
    "another seed": (1, 0, 0),
    "another stream": (0, 1, 0),
    "another step": (0, 0, 1),
    "seed and stream swapped": (2, 1, 0),
    "stream and step swapped": (0, 2, 1),
    "negative": (-1, -1, 3),
    "huge": (2**200 + 7, 2**64, 2**31),
    "late": (3, 1, 2**32 - 1),
}


def draw(function: Callable[..., Tensor], seed: int, stream: int, step: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return function(shape, seed, stream, torch.tensor(step))


def mixed(x: int) -> int:
    """`_mix` with Python's unbounded integers."""
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) % 2**32
    x = ((x ^ (x >> 15)) * 0x735A2D97) % 2**32
    return x ^ (x >> 15)


def by_hand(rows: int, columns: int, seed: int, stream: int, step: int) -> list[float]:
    words = struct.unpack("<II", hashlib.blake2b(f"{seed} {stream}".encode(), digest_size=8).digest())
    row_key, column_key = (mixed(step % 2**32 ^ word) for word in words)
    bits = [mixed(mixed(i ^ row_key) ^ mixed(j ^ column_key)) for i in range(rows) for j in range(columns)]
    signed = [b - 2**32 if b >= 2**31 else b for b in bits]
    return [(2 * (b // 2**9) + 1) / 2**24 + 0.5 for b in signed]


@pytest.mark.parametrize(("seed", "stream", "step"), DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize("shape", [(5, 7), (3, 2, 33), (1, 100), (17, 1), (9,), ()])
def test_matches_python_integers(seed, stream, step, shape):
    columns = shape[-1] if shape else 1
    expected = by_hand(math.prod(shape) // columns, columns, seed, stream, step)
    got = draw(uniform, seed, stream, step, shape)
    assert got.shape == shape
    assert got.dtype == torch.float32
    assert got.flatten().tolist() == expected


def test_the_numbers_never_change():
    got = uniform((4,), 1, 2, torch.tensor(3)).mul(2**24).tolist()
    assert got == [2609337, 1205949, 4006535, 1970455]
    got = uniform((2, 1, 2), 7, 2**31 + 1, torch.tensor(2**31 + 5), start=3).mul(2**24).flatten().tolist()
    assert got == [10217227, 1769165, 813463, 9229067]


@pytest.mark.parametrize("start", [0, 5])
def test_several_streams_at_once_have_the_numbers_of_each_alone(start):
    shapes = {2**31: (3, 6), 1: (3, 2, 4, 5), 0: (3, 1)}
    step = torch.tensor(12)
    for (stream, shape), numbers in zip(shapes.items(), uniforms(shapes, 9, step, start), strict=True):
        assert same_bits(numbers, uniform(shape, 9, stream, step, start))


@pytest.mark.parametrize(("seed", "stream", "step"), DRAWS.values(), ids=DRAWS)
def test_uniform_is_uniform(seed, stream, step):
    u = draw(uniform, seed, stream, step).double()
    assert 0 < u.min() < 1e-4
    assert 1 - 1e-4 < u.max() < 1
    assert u.mean().item() == pytest.approx(1 / 2, abs=4 * math.sqrt(1 / 12 / N))
    assert u.var().item() == pytest.approx(1 / 12, abs=4 * math.sqrt(1 / 180 / N))
    assert scipy.stats.kstest(u.flatten().numpy(), "uniform").pvalue > 1e-4
    for digits in (1, 256, 2**14):  # the leading binary digits, and later ones
        counts = (u.flatten() * digits % 1 * 256).long().bincount(minlength=256)
        assert scipy.stats.chisquare(counts.numpy()).pvalue > 1e-4
    for dim in (0, 1):  # no row and no column stands out
        z = (u.mean(dim) - 0.5) * math.sqrt(12 * SHAPE[dim])
        assert scipy.stats.kstest(z.numpy(), "norm").pvalue > 1e-4


def correlation(a: Tensor, b: Tensor) -> float:
    return abs(float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]).double())[0, 1])) * math.sqrt(a.numel())


def test_draws_with_different_keys_are_independent():
    draws = [draw(uniform, *key) for key in DRAWS.values()]
    for a, b in itertools.combinations(draws, 2):
        assert (a == b).double().mean() < 1e-4
        assert correlation(a, b) < 4.5
        assert correlation((a - a.mean()) ** 2, (b - b.mean()) ** 2) < 4.5


@pytest.mark.parametrize("what", ["seed", "stream", "step"])
def test_consecutive_draws_are_independent(what):
    """In 50 consecutive dropout masks, each position is dropped about half of the time, and pairs are independent."""
    keys = [{"seed": 0, "stream": 0, "step": 0} | {what: k} for k in range(50)]
    masks = torch.stack([draw(uniform, **key) < 0.5 for key in keys]).double()
    counts = masks.sum(0).flatten().long().bincount(minlength=51)[10:41]
    expected = scipy.stats.binom.pmf(np.arange(10, 41), 50, 0.5)
    expected = expected / expected.sum() * counts.sum().item()
    assert scipy.stats.chisquare(counts.numpy(), expected).pvalue > 1e-4
    for lag in (1, 2, 16):
        assert correlation(masks[lag:], masks[:-lag]) < 4.5


@pytest.mark.parametrize(("dim", "lag"), [(0, 1), (0, 2), (0, 16), (1, 1), (1, 2), (1, 16), (1, 256)])
def test_neighbors_are_independent(dim, lag):
    for key in DRAWS.values():
        u = draw(uniform, *key)
        a, b = u.narrow(dim, lag, SHAPE[dim] - lag), u.narrow(dim, 0, SHAPE[dim] - lag)
        assert correlation(a, b) < 4.5
        pairs = (a * 16).long() * 16 + (b * 16).long()
        assert scipy.stats.chisquare(pairs.flatten().bincount(minlength=256).numpy()).pvalue > 1e-5


def test_corners_of_rectangles_are_independent():
    """The corners of a rectangle share rows and columns: three of them must not determine the fourth."""
    bits = (draw(uniform, 0, 0, 0) < 0.5).long()
    for i, j in ((1, 1), (2, 4), (7, 32), (128, 256)):
        a, b, c, d = bits[:-i, :-j], bits[i:, :-j], bits[:-i, j:], bits[i:, j:]
        odd = float((a ^ b ^ c ^ d).double().mean())
        assert odd == pytest.approx(0.5, abs=4.5 * math.sqrt(1 / 4 / a.numel()) * 2)


def test_mix_is_a_permutation_that_spreads_every_bit():
    x = torch.randint(-(2**31), 2**31, (20000,), generator=torch.Generator().manual_seed(0)).to(torch.int32)
    distinct = x.unique()
    assert len(randomness._mix(distinct).unique()) == len(distinct)
    for i in range(32):
        flipped = randomness._mix(x) ^ randomness._mix(x ^ (1 << i if i < 31 else -(2**31)))
        shares = torch.stack([(flipped >> j & 1).double().mean() for j in range(32)])
        assert (shares - 0.5).abs().max() < 0.02, i


@pytest.mark.parametrize("shape", [(11, 5), (11, 2, 3), (11, 2, 3, 4)])
@pytest.mark.parametrize("start", [0, 1, 4, 11])
def test_start_gives_the_later_rows_of_the_whole(shape, start):
    whole, rows = uniform(shape, 3, 1, torch.tensor(9)), (11 - start, *shape[1:])
    assert torch.equal(uniform(rows, 3, 1, torch.tensor(9), start), whole[start:])


def test_the_global_generator_is_neither_used_nor_advanced():
    results = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        results.append(draw(uniform, 0, 0, 0))
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*results)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_default_dtype_does_not_matter(dtype):
    expected = draw(uniform, 0, 0, 0)
    torch.set_default_dtype(dtype)
    try:
        assert same_bits(draw(uniform, 0, 0, 0), expected)
    finally:
        torch.set_default_dtype(torch.float32)


def test_the_number_of_threads_does_not_matter():
    expected, threads = draw(uniform, 0, 0, 0), torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert same_bits(draw(uniform, 0, 0, 0), expected)
    finally:
        torch.set_num_threads(threads)


def test_the_result_is_on_the_device_of_the_step():
    assert uniform((5, 6), 1, 2, torch.tensor(3, device="meta")).device.type == "meta"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("seed", "stream", "step"), DRAWS.values(), ids=DRAWS)
def test_a_gpu_gives_the_same_numbers(seed, stream, step):
    got = uniform(SHAPE, seed, stream, torch.tensor(step, device="cuda"))
    assert same_bits(got.cpu(), draw(uniform, seed, stream, step))


def test_a_replay_draws_for_the_current_step():
    step, out = torch.tensor(0), torch.zeros(5, 6)

    def take() -> None:
        out.copy_(uniform((5, 6), 1, 2, step))
        step.add_(1)

    tape = Tape(take)
    for k in range(1, 4):
        tape.replay()
        assert same_bits(out, draw(uniform, 1, 2, k, (5, 6)))
    assert not tape.allocating
