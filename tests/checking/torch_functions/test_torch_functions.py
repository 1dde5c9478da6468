"""Functions of PyTorch: autograd is right, and wrong with one element off by 1e-3."""

import pytest
import torch

from .catalog import CASES, KNOWN
from .judge import judge

SAMPLE = {
    *("sin", "abs complex", "add broadcast", "clamp", "round", "where", "mul integers", "gelu tanh", "rrelu"),
    *("amax dim", "std_mean", "sort dim", "cat", "split", "gather", "scatter_reduce amax", "index_put"),
    *(
        "addmm",
        "einsum",
        "cholesky",
        "linalg_svdvals",
        "fft_fft complex",
        "batch_norm",
        "cross_entropy weight",
        "max_pool2d",
    ),
    *("conv2d groups", "embedding", "lstm_cell"),
}
_NAMES = [pytest.param(name, marks=[] if name in SAMPLE else pytest.mark.sweep) for name in CASES]


@pytest.mark.filterwarnings("ignore")  # deprecations of PyTorch's own functions
@pytest.mark.parametrize("name", _NAMES)
def test_check_passes_autograd_and_fails_it_with_one_element_off(name):
    expect_no_mistake(name, torch.float64)


@pytest.mark.sweep
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*CASES][::3])  # `python -m tests.checking.torch_functions` takes all
def test_the_same_in_float32(name):
    expect_no_mistake(name, torch.float32)


def expect_no_mistake(name: str, dtype: torch.dtype) -> None:
    verdict = judge(CASES[name], dtype)
    assert not verdict.missed
    assert not verdict.pair or name in KNOWN, verdict.pair
    assert not verdict.alone or name in KNOWN, verdict.alone


def test_at_least_two_hundred_functions_are_checked():
    assert len(CASES) >= 200
    assert len(KNOWN) <= 8
    assert {*KNOWN, *SAMPLE} <= CASES.keys()
