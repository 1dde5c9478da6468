"""Hostile checkpoints with a correct digest are refused and run no code."""

from .forge import ONE_FLOAT, sealed
from .hostile import TENSOR, hostile_contents
from .sandbox import read_each
from .test_damaged_files import assert_one_sentence


def test_hostile_checkpoints_are_refused_and_run_no_code(tmp_path):
    canary, path, names = tmp_path / "canary", tmp_path / "hostile.ckpt", []

    def files():
        for name, content in hostile_contents(canary):
            path.write_bytes(content)
            names.append(name)
            yield path

    for outcome in read_each(files()):
        assert outcome.kind == "refused", f"{names[-1]}: {outcome}"
        assert_one_sentence(outcome.message, str(path))
        assert "SHA-256" not in outcome.message, f"{names[-1]}: its digest should be correct"
        assert not canary.exists(), names[-1]
    assert len(set(names)) == len(names) >= 150


def test_a_forged_checkpoint_without_a_fault_is_accepted(tmp_path):
    path = tmp_path / "forged.ckpt"
    path.write_bytes(sealed(b"\x80\x02}X\x01\0\0\0k" + TENSOR + b"s.", [ONE_FLOAT]))
    (outcome,) = read_each([path])
    assert outcome.kind == "accepted", outcome
