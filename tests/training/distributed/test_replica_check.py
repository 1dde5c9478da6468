"""What processes compare: a digest that no change of one element leaves as it is."""

import pytest
import torch

from torchnet.replicas import ConnectionLostError
from torchnet.training.distributed.replica_check import ReplicaCheck, digest
from torchnet.training.module import Classifier

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.int32, torch.bool)


def numbers(dtype: torch.dtype) -> torch.Tensor:
    return torch.randn((3, 5), generator=torch.Generator().manual_seed(0)).mul(10).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_bit_of_every_element_counts(dtype):
    tensor = numbers(dtype)
    expected = digest(tensor)
    assert (expected.shape, expected.dtype) == ((), torch.int64)
    octets = tensor.view(torch.uint8).view(-1)
    for place in range(len(octets)):
        for bit in range(8):
            octets[place] ^= 1 << bit
            assert digest(tensor) != expected
            octets[place] ^= 1 << bit
    assert digest(tensor) == expected


@pytest.mark.parametrize("dtype", DTYPES[:4])
def test_the_place_of_an_element_counts(dtype):
    tensor = numbers(dtype)
    assert digest(tensor.roll(1, dims=1)) != digest(tensor)
    assert digest(tensor.T) != digest(tensor)
    assert digest(tensor.T.contiguous().T) == digest(tensor)  # where it lies in memory does not


def test_zeros_differ_by_their_sign_and_what_is_not_a_number_equals_itself():
    zero, nan = torch.zeros(2), torch.full((2,), torch.nan)
    assert digest(-zero) != digest(zero)
    assert digest(nan) == digest(nan.clone())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"check_every_n_steps": 0}, "check_every_n_steps: expected a whole number from 1 up, got 0"),
        ({"timeout": 0}, "timeout: expected seconds from 1 to 86400, got 0"),
        ({"timeout": float("nan")}, "timeout: expected seconds from 1 to 86400, got nan"),
    ],
)
def test_numbers_that_do_not_work_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ReplicaCheck(**options)


@pytest.mark.parametrize("metric", ["mean_loss", "score"])
def test_a_process_that_is_lost_while_a_metric_is_gathered_is_noticed(metric, monkeypatch):
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("Connection reset by peer")

    monkeypatch.setattr(torch.distributed, "get_world_size", lambda group=None: 2)
    monkeypatch.setattr(torch.distributed, "barrier", fail)
    monkeypatch.setattr(torch.distributed, "all_gather", fail)
    gather = getattr(Classifier(input_shape=4, num_classes=3), metric).dist_sync_fn
    with pytest.raises(ConnectionLostError, match="Connection reset"):
        gather(torch.tensor(1.0))
