"""The order of an epoch is a function of (seed, epoch); the notebook's order is reproduced."""

from collections.abc import Iterable

import numpy as np
import pytest
import torch

from torchnet.data import BatchLoader, Block, BlockLoader
from torchnet.data.order import fixed, notebook, shuffled
from torchnet.step import scale_pixels

LABELS = torch.arange(23) % 10
IMAGES = torch.arange(23, dtype=torch.uint8).reshape(23, 1, 1)  # the pixel is the index of the sample


def samples(blocks: Iterable[Block]) -> list[int]:
    return [sample for block in blocks for sample in block.indices.tolist()]


def test_shuffled_is_a_function_of_seed_and_epoch():
    order = shuffled(1000, seed=3)
    epochs = [order(epoch) for epoch in range(3)]
    for epoch in reversed(range(3)):  # another object, in another order
        np.testing.assert_array_equal(shuffled(1000, seed=3)(epoch), epochs[epoch])
    assert all(sorted(indices) == list(range(1000)) for indices in epochs)
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[0], shuffled(1000, seed=4)(0))


def test_shuffled_is_uniform():
    positions = np.array([np.flatnonzero(shuffled(5, seed)(seed % 7) == 2)[0] for seed in range(2000)])
    counts = np.bincount(positions, minlength=5)
    assert abs(counts - 400).max() < 5 * np.sqrt(400)


def test_global_generators_are_not_used():
    np.random.seed(0)
    torch.manual_seed(0)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    list(BlockLoader(shuffled(23, seed=3), 5, lambda: 2))
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


def test_notebook_order_equals_that_of_its_code():
    labels = np.sort(np.random.default_rng(0).integers(10, size=100))
    rows = np.arange(100)
    stacked = np.concatenate([rows[labels == digit] for digit in (4, 5, 6, 7, 0, 1, 2, 3, 8, 9)])
    np.random.seed(10)
    permuted = stacked[np.random.permutation(100)]
    trained_on = [permuted[j * 30 : min(j * 30 + 30, 99)] for j in range(100 // 30)]
    order = notebook(labels, batch_size=30, seed=10)
    np.testing.assert_array_equal(order(0), np.concatenate(trained_on))
    np.testing.assert_array_equal(order(7), order(0))
    assert len(notebook(labels, batch_size=50, seed=10)(0)) == 99  # 50 divides 100: only the last sample is omitted


def test_evaluation_yields_every_sample_once_in_order():
    loader = BatchLoader(IMAGES, LABELS, 5)
    batches = list(loader)
    assert len(loader) == 5
    assert [len(batch.inputs) for batch in batches] == [5, 5, 5, 5, 3]
    assert torch.equal(torch.cat([batch.inputs for batch in batches]), IMAGES)
    assert torch.equal(torch.cat([batch.targets for batch in batches]), LABELS)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_blocks_hold_every_sample_once_in_the_order_of_the_epoch(size):
    loader = BlockLoader(shuffled(23, seed=3), 5, lambda: size)
    assert len(loader) == 5  # mini-batches, however they are grouped
    blocks = list(loader)
    assert torch.cat([block.indices for block in blocks]).tolist() == shuffled(23, seed=3)(0).tolist()
    assert sum(map(len, blocks)) == 5
    assert [len(block) for block in blocks[:-1]] == [size] * (len(blocks) - 1)
    assert {(block.batch_size, block.divisor) for block in blocks} == {(5, None)}


def test_block_size_is_called_before_each_block():
    sizes = iter([2, 1, 7])
    assert list(map(len, BlockLoader(shuffled(23, seed=3), 5, lambda: next(sizes)))) == [2, 1, 2]


def test_set_epoch_works_after_the_iterator_was_created():
    loader = BlockLoader(shuffled(23, seed=3), 5, lambda: 2)
    iterator = iter(loader)
    loader.set_epoch(4)
    assert samples(iterator) == shuffled(23, seed=3)(4).tolist()


@pytest.mark.parametrize(("limit", "first"), [(2, 0), (3, 2), (5, 2)])
def test_an_epoch_that_ends_early_is_followed_by_a_whole_one(limit, first):
    loader = BlockLoader(shuffled(23, seed=3), 5, lambda: 1, limit=lambda: limit)
    loader.load_state_dict({"position": 2})
    assert samples(loader) == shuffled(23, seed=3)(0)[first * 5 :].tolist()


def test_a_fixed_order_is_that_of_the_first_epoch():
    order = fixed(shuffled(23, seed=3))
    for epoch in (0, 1, 7):
        assert order(epoch).tolist() == shuffled(23, seed=3)(0).tolist()


def test_blocks_have_the_given_divisor():
    assert {block.divisor for block in BlockLoader(shuffled(23, seed=3), 5, lambda: 2, divisor=5)} == {5}


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("halt", range(4))
def test_a_resumed_epoch_continues_with_blocks_of_another_size(halt, size):
    def loader(size: int) -> BlockLoader:
        loader = BlockLoader(shuffled(23, seed=3), 5, lambda: size)
        loader.set_epoch(2)
        return loader

    uninterrupted, halted, resumed = loader(1), loader(2), loader(size)
    iterator = iter(halted)
    first = samples(next(iterator) for _ in range(halt))
    resumed.load_state_dict(halted.state_dict())
    rest = samples(resumed)
    whole = samples(uninterrupted)
    assert first + rest == whole if halt < 3 else rest == whole
    assert samples(resumed) == whole  # the next epoch is complete


def test_pixels_are_scaled_to_one():
    pixels = torch.tensor([[0, 51, 255]], dtype=torch.uint8)
    for dtype in (torch.float32, torch.float64):
        assert torch.equal(scale_pixels(pixels, dtype), torch.tensor([[0, 0.2, 1]], dtype=dtype))


def test_numbers_that_are_no_pixels_stay_as_they_are():
    numbers = torch.tensor([[-3.5, 51.0, 1e6]])
    for dtype in (torch.float32, torch.float64):
        assert torch.equal(scale_pixels(numbers, dtype), numbers.to(dtype))
        assert scale_pixels(numbers, dtype).dtype == dtype
