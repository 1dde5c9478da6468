"""A sample of `python -m tests.storage.fuzz`: changed checkpoints are refused or have valid contents."""

from .fuzz import run

CASES = 100


def test_changed_checkpoints_are_refused_or_valid():
    counts, faults = run(CASES)
    assert faults == []
    assert counts.total() == CASES
    kinds = {kind for _, kind in counts}
    assert kinds == {"refused", "accepted"}, (
        "some changes are harmless: a reader that refuses everything must fail this test"
    )
