"""Training in several processes against the same in one: weights, losses, statistics and optimizers, to rounding."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from torchnet.data.dataset import Dataset
from torchnet.replicas import in_buckets

from .faults import FAULTS
from .processes import run_in_processes
from .recipes import CLASSES, RECIPES, SAMPLES, SIDE, STEPS, train

FEW_STEPS = 12  # two epochs, with their last mini-batches, which are smaller


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


IMAGES = torch.randint(0, 256, (SAMPLES, SIDE, SIDE), generator=generator(0), dtype=torch.uint8)
LABELS = torch.randint(0, CLASSES, (SAMPLES,), generator=generator(1))


def data_of(name: str, mnist: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return mnist if RECIPES[name].sizes[0] == 784 else (IMAGES, LABELS)


def train_all(mnist: tuple[Tensor, Tensor], steps: int, bucket_bytes: int) -> dict[str, dict[str, Tensor]]:
    return {name: train(name, *data_of(name, mnist), steps, bucket_bytes) for name in RECIPES}


def train_with_faults() -> dict[str, dict[str, Tensor]]:
    found = {}
    for fault, (name, plant) in FAULTS.items():
        with plant():
            found[fault] = train(name, IMAGES, LABELS, FEW_STEPS, bucket_bytes=800)
    return found


@pytest.fixture
def samples(mnist: Dataset) -> tuple[Tensor, Tensor]:
    """Of MNIST, 2,750 images of all digits: mini-batches of 500, and a last one of 250."""
    chosen = torch.randperm(len(mnist.train_labels), generator=generator(2))[:2750].numpy()
    return torch.from_numpy(mnist.train_images[chosen]), torch.from_numpy(mnist.train_labels[chosen])


# The small gradients in buckets of 800 bytes and the others alone; and all of them in one.
@pytest.mark.parametrize(
    ("size", "steps", "bucket_bytes"),
    [
        pytest.param(2, STEPS // 10, 800, id="2 processes"),
        pytest.param(2, STEPS, 800, id="2 processes, more steps", marks=pytest.mark.sweep),
        pytest.param(4, STEPS // 4, 2**20, id="4 processes", marks=pytest.mark.sweep),
    ],
)
def test_processes_train_what_one_trains(
    size: int, steps: int, bucket_bytes: int, samples: tuple[Tensor, Tensor], expect_equal: Any
) -> None:
    first, *others = run_in_processes(size, train_all, samples, steps, bucket_bytes)
    for name, found in first.items():
        expected = train(name, *data_of(name, samples), steps)
        assert found.keys() == expected.keys()
        for key, value in found.items():
            expect_equal(f"{name}: {key}", value.double(), expected[key], f"one process, {size} of them")
            for other in others:
                assert torch.equal(other[name][key], value), f"{name}: {key} is not the same in all processes"


@pytest.mark.sweep
def test_faults_show() -> None:
    for fault, found in run_in_processes(2, train_with_faults)[0].items():
        expected = train(FAULTS[fault][0], IMAGES, LABELS, FEW_STEPS)
        errors = [
            (value - expected[key]).double().norm() / expected[key].double().norm() for key, value in found.items()
        ]
        assert not all(error <= 1e-12 for error in errors), f"nobody would notice: {fault}"


def test_large_gradients_go_alone_and_small_ones_wait_for_others():
    weights = [nn.Parameter(torch.zeros(size), requires_grad=False) for size in (3, 50, 4, 2, 50, 1, 1)]
    weights.append(nn.Parameter(torch.zeros(1, dtype=torch.float64), requires_grad=False))
    buckets = in_buckets(weights, bucket_bytes=40)  # ten numbers in float32
    places = [[next(k for k, it in enumerate(weights) if it is weight) for weight in bucket] for bucket in buckets]
    assert places == [[1], [4], [0, 2, 3, 5], [6], [7]]
