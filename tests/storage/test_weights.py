"""Weights are written and read as safetensors; corrupt files are refused."""

import random

import pytest
import safetensors
import safetensors.torch
import torch
from torch import nn

from torchnet.storage import CheckpointError, read_weights, write_weights

from .damaged_files import NO_FILES, flipped
from .examples import CONTENTS, expect_same

WEIGHTS = CONTENTS["state_dict"] | CONTENTS["every dtype"] | {"none": torch.zeros(0, 3)}


def test_weights_are_read_by_the_package_and_by_safetensors(tmp_path):
    path = tmp_path / "a.safetensors"
    write_weights(path, WEIGHTS, {"name": "ü"})
    expect_same(dict(sorted(read_weights(path).items())), dict(sorted(WEIGHTS.items())))
    with safetensors.safe_open(path, "pt") as file:
        assert file.metadata()["name"] == "ü"
        assert torch.equal(file.get_tensor("net.0.weight"), WEIGHTS["net.0.weight"])


def test_shared_and_transposed_weights(tmp_path):
    layer = nn.Linear(2, 3)
    write_weights(tmp_path / "a", {"a": layer.weight, "b": layer.weight.T, "c": layer.weight}, {})
    weight = layer.weight.detach()
    got = read_weights(tmp_path / "a")
    expect_same({key: got[key] for key in "abc"}, {"a": weight, "b": weight.T, "c": weight})


def test_files_of_safetensors_are_read(tmp_path):
    safetensors.torch.save_file({"a": torch.ones(2)}, tmp_path / "a")
    expect_same(read_weights(tmp_path / "a"), {"a": torch.ones(2)})


def test_corrupt_files_are_refused(tmp_path):
    path, draw = tmp_path / "a", random.Random(0)
    write_weights(path, WEIGHTS, {"name": "a"})
    content = path.read_bytes()
    damaged = [content[:size] for size in (0, 1, 7, 8, 9, 100, len(content) // 2, len(content) - 1)]
    damaged += [content + b"\0", b"\xff" * len(content), bytes(len(content)), b"\x80\x02}q\0."]
    signature = content.index(b'"torchnet"') * 8
    damaged += [flipped(content, bit) for bit in range(signature, signature + 83 * 8)]
    damaged += [flipped(content, draw.randrange(len(content) * 8)) for _ in range(300)]
    for changed in damaged:
        path.write_bytes(changed)
        with pytest.raises(CheckpointError, match=": expected a safetensors file, got '"):
            read_weights(path)


@pytest.mark.parametrize("name", NO_FILES)
def test_paths_without_a_regular_file_are_refused(tmp_path, name):
    NO_FILES[name](tmp_path / name)
    with pytest.raises(CheckpointError):
        read_weights(tmp_path / name)


def test_values_other_than_tensors_by_name_are_refused(tmp_path):
    tensor = torch.ones(1)
    for weights in ({"a": 1}, {"a": {"b": tensor}}, {1: tensor}, {"a": tensor.to(torch.complex64)}):
        with pytest.raises(TypeError):
            write_weights(tmp_path / "a", weights, {})
    assert list(tmp_path.iterdir()) == []
