"""Memory that is freed stays in the process while an engine runs, and no longer."""

import subprocess
import sys

import pytest
import torch

from torchnet.engine import allocator
from torchnet.engine.allocator import freed_memory_kept

# Print the page faults of writing to a block of 100 MB, after one of the same size was freed: as usual, and the fewest
# of several tries within the context, as other blocks may lie in the way at first.
CODE = """
from resource import RUSAGE_SELF, getrusage
import torch
from torchnet.engine.allocator import freed_memory_kept

def page_faults():
    for _ in range(2):
        torch.ones(25 * 10**6)
    before = getrusage(RUSAGE_SELF).ru_minflt
    torch.ones(25 * 10**6)
    return getrusage(RUSAGE_SELF).ru_minflt - before

usual = page_faults()
with freed_memory_kept():
    print(usual, min(page_faults() for _ in range(6)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is a function of the GNU C library")
def test_a_freed_block_is_used_again_without_page_faults():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True, timeout=120)
    usual, kept = map(int, done.stdout.split())
    if usual < 1000:
        pytest.skip("this system gives out large pages, or its C library keeps freed memory by itself")
    assert kept < usual / 10


def test_the_options_are_set_back(monkeypatch):
    options: dict[int, int] = {}
    monkeypatch.setattr(allocator, "_mallopt", lambda: options.__setitem__)
    with freed_memory_kept():
        assert options[-4] == 0  # M_MMAP_MAX: no block is mapped on its own
    assert options == {-4: 65536, -1: 2**26, -3: 2**25}


def test_nothing_happens_without_mallopt(monkeypatch):
    monkeypatch.setattr(allocator, "_mallopt", lambda: None)
    with freed_memory_kept():
        assert torch.ones(3).sum() == 3
