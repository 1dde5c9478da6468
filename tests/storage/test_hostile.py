"""Hostile checkpoints with a correct digest are refused and run no code."""

from .forge import ONE_FLOAT, sealed
from .hostile import TENSOR, hostile_contents
from .sandbox import read_contents
from .test_damaged_files import assert_one_sentence


def test_hostile_checkpoints_are_refused_and_run_no_code(tmp_path):
    canary, path, names = tmp_path / "canary", tmp_path / "hostile.ckpt", []
    for name, outcome in read_contents(path, hostile_contents(canary)):
        names.append(name)
        assert outcome.kind == "refused", f"{name}: {outcome}"
        assert_one_sentence(outcome.message, str(path))
        assert "SHA-256" not in outcome.message, f"{name}: its digest should be correct"
        assert not canary.exists(), name
    assert len(set(names)) == len(names) >= 150


def test_a_forged_checkpoint_without_a_fault_is_accepted(tmp_path):
    forged = sealed(b"\x80\x02}X\x01\0\0\0k" + TENSOR + b"s.", [ONE_FLOAT])
    ((_, outcome),) = read_contents(tmp_path / "forged.ckpt", [("forged", forged)])
    assert outcome.kind == "accepted", outcome
