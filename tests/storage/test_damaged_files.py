"""Corrupt checkpoints are refused, even if only one bit differs."""

import io
import time

import pytest
import torch

from torchnet.storage import CheckpointError, read_checkpoint

from .damaged_files import damaged_files, flipped, flipped_bits
from .examples import CONTENTS
from .forge import good

SECONDS = 2.0  # of CPU time


def test_corrupt_files_are_refused_in_one_sentence(tmp_path):
    names = []
    for name, path in damaged_files(tmp_path):
        start = time.process_time()
        with pytest.raises(CheckpointError) as refusal:
            read_checkpoint(path)
        assert time.process_time() - start < SECONDS, name
        assert_one_sentence(str(refusal.value), str(path))
        names.append(name)
    assert len(set(names)) >= 380


def test_torch_alone_reads_files_with_flipped_bits(tmp_path):
    checkpoint, read = good(tmp_path, CONTENTS), 0
    for bit in flipped_bits(checkpoint)[:200]:
        torch.load(io.BytesIO(flipped(checkpoint, bit)), weights_only=True)
        read += 1
    assert read == 200


@pytest.mark.parametrize("size", [0, 1, 2, 21, 22, 80, 101, 102, 103, 200])
def test_a_file_of_few_bytes_is_refused(tmp_path, size):
    for name, content in (("zeros", bytes(size)), ("end", good(tmp_path, {})[-size or 10**9 :])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError):
            read_checkpoint(tmp_path / name)


def test_a_large_file_of_another_kind_is_refused_at_once(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2**40)  # sparse: reading it would take hours
    with pytest.raises(CheckpointError):
        read_checkpoint(path)


def assert_one_sentence(message: str, path: str) -> None:
    assert message.startswith(f"{path}: expected "), message
    said = message.removeprefix(path)
    assert "\n" not in said, message
    assert ", got " in said, message
    assert said.count(": ") == 2, message
    assert len(said) < 250, message
