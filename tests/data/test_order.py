"""The order of an epoch: a function of (seed, epoch), and the notebook's."""

import itertools

import numpy as np
import pytest
import torch

from torchnet.data import BatchLoader, scale_pixels
from torchnet.data.order import in_order, notebook, shuffled

LABELS = torch.arange(23) % 10
IMAGES = torch.arange(23, dtype=torch.uint8).reshape(23, 1, 1)  # an image that names its sample


def samples(loader: BatchLoader) -> list[list[int]]:
    return [batch.images.flatten().tolist() for batch in loader]


def test_shuffled_is_a_function_of_seed_and_epoch():
    order = shuffled(1000, seed=3)
    epochs = [order(epoch) for epoch in range(3)]
    for epoch in reversed(range(3)):  # asked in another order, by another object: the same
        np.testing.assert_array_equal(shuffled(1000, seed=3)(epoch), epochs[epoch])
    assert all(sorted(indices) == list(range(1000)) for indices in epochs)
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[0], shuffled(1000, seed=4)(0))


def test_shuffled_is_uniform():
    positions = np.array([np.flatnonzero(shuffled(5, seed)(seed % 7) == 2)[0] for seed in range(2000)])
    counts = np.bincount(positions, minlength=5)
    assert abs(counts - 400).max() < 5 * np.sqrt(400)


def test_no_global_generator_is_touched():
    np.random.seed(0)
    torch.manual_seed(0)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    loader = BatchLoader(IMAGES, LABELS, 5, shuffled(23, seed=3))
    list(loader)
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


def test_notebook_order_is_that_of_its_own_lines():
    labels = np.sort(np.random.default_rng(0).integers(10, size=100))
    rows = np.arange(100)
    stacked = np.concatenate([rows[labels == digit] for digit in (4, 5, 6, 7, 0, 1, 2, 3, 8, 9)])
    np.random.seed(10)
    permuted = stacked[np.random.permutation(100)]
    trained_on = [permuted[j * 30 : min(j * 30 + 30, 99)] for j in range(100 // 30)]
    order = notebook(labels, batch_size=30, seed=10)
    np.testing.assert_array_equal(order(0), np.concatenate(trained_on))
    np.testing.assert_array_equal(order(7), order(0))
    assert len(notebook(labels, batch_size=50, seed=10)(0)) == 99  # it divides evenly: only the last one is left out


def test_loader_hands_out_every_sample_once():
    loader = BatchLoader(IMAGES, LABELS, 5, shuffled(23, seed=3))
    assert len(loader) == 5
    batches = list(loader)
    assert [len(batch.images) for batch in batches] == [5, 5, 5, 5, 3] == [batch.divisor for batch in batches]
    assert sorted(itertools.chain(*samples(loader))) == list(range(23))
    assert all(torch.equal(batch.targets, batch.images.flatten().long() % 10) for batch in batches)
    assert all(batch.images.dtype == torch.uint8 for batch in batches)


def test_epoch_chooses_the_order_even_after_the_iterator_was_made():
    loader = BatchLoader(IMAGES, LABELS, 5, shuffled(23, seed=3))
    iterator = iter(loader)
    loader.set_epoch(4)
    got = [sample for batch in iterator for sample in batch.images.flatten().tolist()]
    assert got == shuffled(23, seed=3)(4).tolist()


def test_divisor_can_be_that_of_a_full_mini_batch():
    loader = BatchLoader(IMAGES, LABELS, 5, in_order(23), divisor=5)
    assert [batch.divisor for batch in loader] == [5, 5, 5, 5, 5]


def test_one_hot_rows_where_asked_for():
    loader = BatchLoader(IMAGES, LABELS, 23, in_order(23), num_classes=10, dtype=torch.float64)
    (batch,) = loader
    np.testing.assert_array_equal(batch.targets.numpy(), np.eye(10)[LABELS.numpy()])
    assert batch.targets.dtype == torch.float64


@pytest.mark.parametrize("halt", range(6))
def test_state_goes_on_behind_what_was_handed_out(halt):
    def loader() -> BatchLoader:
        loader = BatchLoader(IMAGES, LABELS, 5, shuffled(23, seed=3))
        loader.set_epoch(2)
        return loader

    straight, halted, resumed = loader(), loader(), loader()
    iterator = iter(halted)
    first = [next(iterator).images.flatten().tolist() for _ in range(halt)]
    resumed.load_state_dict(halted.state_dict())
    rest = samples(resumed)
    assert first + rest == samples(straight) if halt < 5 else rest == samples(straight)
    assert samples(resumed) == samples(straight)  # the epoch after is whole again


def test_pixels_are_scaled_to_one():
    pixels = torch.tensor([[0, 51, 255]], dtype=torch.uint8)
    for dtype in (torch.float32, torch.float64):
        assert torch.equal(scale_pixels(pixels, dtype), torch.tensor([[0, 0.2, 1]], dtype=dtype))
