"""Whatever a checkpoint is changed to, it is refused, or has contents that a checkpoint may have."""

from .fuzz import run

CASES = 100


def test_no_change_hurts():
    counts, faults = run(CASES)
    assert faults == []
    assert counts.total() == CASES
    kinds = {kind for _, kind in counts}
    assert kinds == {"refused", "accepted"}, "some changes are harmless: without them the reader would refuse all"
