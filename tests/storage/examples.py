"""Example contents of a checkpoint with every kind of value, and a comparison of contents."""

from typing import Any

import torch

from torchnet.storage.contents import DTYPES

_GENERATOR = torch.Generator().manual_seed(0)

CONTENTS: dict[str, Any] = {
    "state_dict": {f"net.{i}.weight": torch.randn(17, 33, generator=_GENERATOR) for i in range(8)},
    "optimizer_states": [{"state": {0: {"step": torch.tensor(7.0), "momentum": torch.ones(3)}}, "param_groups": []}],
    "every dtype": {str(dtype): torch.arange(5).to(dtype) for dtype in DTYPES},
    "empty": [{}, [], (), "", torch.zeros(0), torch.zeros(3, 0, 2)],
    "values": [True, False, None, 0, -1, 255, 65535, 2**31, -(2**70), 0.5, float("inf"), "ü\n\0", "x" * 300],
    "tuples": [(1,), (1, 2), (1, 2, 3), (1, 2, 3, (4, "epoch"))],
    "epoch": 3,
}


def expect_same(got: Any, expected: Any) -> None:
    """Assert that two contents have the same types and the same bits."""
    assert type(got) is type(expected)
    if isinstance(expected, dict):
        assert list(got) == list(expected)
        for key in expected:
            expect_same(got[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(got) == len(expected)
        for pair in zip(got, expected, strict=True):
            expect_same(*pair)
    elif isinstance(expected, torch.Tensor):
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
        assert torch.equal(got.reshape(-1).view(torch.uint8), expected.reshape(-1).view(torch.uint8))
    else:
        assert got == expected
