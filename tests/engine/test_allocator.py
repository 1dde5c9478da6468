"""Memory that is freed stays in the process while an engine runs, and no longer."""

import sys

import pytest
import torch

from torchnet.engine import allocator
from torchnet.engine.allocator import freed_memory_kept


def page_faults() -> int:
    """Return the page faults of writing to a block of 100 MB, after one of the same size was freed."""
    from resource import RUSAGE_SELF, getrusage

    for _ in range(2):
        torch.ones(25 * 10**6)
    before = getrusage(RUSAGE_SELF).ru_minflt
    torch.ones(25 * 10**6)
    return getrusage(RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is a function of the GNU C library")
def test_a_freed_block_is_used_again_without_page_faults():
    usual = page_faults()
    if usual < 1000:
        pytest.skip("this system gives out large pages, or its C library keeps freed memory by itself")
    with freed_memory_kept():
        assert page_faults() < usual / 10
    assert page_faults() > usual / 2


def test_nothing_happens_without_mallopt(monkeypatch):
    monkeypatch.setattr(allocator, "_mallopt", lambda: None)
    with freed_memory_kept():
        assert torch.ones(3).sum() == 3
