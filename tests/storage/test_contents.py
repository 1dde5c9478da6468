"""Contents are read as they were written, converted to plain values, or refused."""

from collections import Counter, defaultdict
from enum import Enum
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from torchnet.storage import read_checkpoint, write_checkpoint
from torchnet.storage.contents import MAX_DEPTH

from .examples import CONTENTS, expect_same
from .rules import violations


def read_back(folder, contents):
    write_checkpoint(folder / "a.ckpt", contents)
    contents = read_checkpoint(folder / "a.ckpt")
    assert violations(contents) == []
    return contents


def test_contents_of_every_kind_are_read_by_the_package_and_by_torch(tmp_path):
    expect_same(read_back(tmp_path, CONTENTS), CONTENTS)
    expect_same(torch.load(tmp_path / "a.ckpt", weights_only=True), CONTENTS)


def test_tensors_of_every_kind_become_plain(tmp_path):
    shared = torch.arange(12.0)
    tensors = {
        "parameter": nn.Parameter(torch.ones(2)),
        "needs a gradient": torch.ones(2, requires_grad=True),
        "transposed": torch.arange(6).reshape(2, 3).T,
        "a part": shared[2:5],
        "the same part": shared[2:5],
        "expanded": torch.ones(1).expand(5),
        "negative": torch.ones(2, dtype=torch.complex64).conj().imag,
        "odd strides": torch.as_strided(torch.ones(4), (1, 2), (7, 1)),
        "no elements": torch.ones(3, 0, 2)[1:],
    }
    got = read_back(tmp_path, tensors)
    expect_same(got, {name: tensor.detach().resolve_neg().clone() for name, tensor in tensors.items()})


def test_shared_objects_become_copies(tmp_path):
    row = [torch.ones(2)]
    got = read_back(tmp_path, {"a": row, "b": row, "c": (row[0], row[0])})
    expect_same(got, {"a": row, "b": row, "c": (row[0], row[0])})
    got["a"][0].zero_()
    assert got["b"][0].tolist() == got["c"][0].tolist() == got["c"][1].tolist() == [1, 1]


def test_dict_subclasses_become_dicts(tmp_path):
    module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    got = read_back(tmp_path, {"state_dict": module.state_dict(), "milestones": Counter([3, 3, 5])})
    expect_same(got, {"state_dict": dict(module.state_dict()), "milestones": {3: 2, 5: 1}})
    nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).load_state_dict(got["state_dict"])


def test_the_depth_of_nesting_is_limited(tmp_path):
    contents: dict = {}
    for _ in range(MAX_DEPTH - 1):
        contents = {"a": contents}
    assert read_back(tmp_path, contents) == contents
    with pytest.raises(ValueError, match="expected at most 32 nested containers, got more"):
        write_checkpoint(tmp_path / "deep", {"a": contents})
    assert not (tmp_path / "deep").exists()


def test_a_list_that_contains_itself_is_refused(tmp_path):
    endless: list = []
    endless.append(endless)
    with pytest.raises(ValueError, match="expected at most 32 nested containers, got more"):
        write_checkpoint(tmp_path / "a", {"a": endless})


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        b"bytes",
        1j,
        np.float64(1),
        np.ones(2),
        Path("a"),
        torch.float32,
        torch.Size([1]),
        torch.device("cpu"),
        torch.ones(2).to_sparse(),
        torch.ones(2, dtype=torch.complex64),
        defaultdict(int),
        Enum("A", "a b").a,
        print,
        {1.0: 2},
        {None: 1},
        {True: 1},
        {2**31: 1},
        {-(2**31): 1},
    ],
    ids=lambda value: type(value).__name__,
)
def test_unsupported_values_are_refused_with_their_place(tmp_path, value):
    with pytest.raises(TypeError, match=r"contents\['a'\]\[1\]: expected .*, got "):
        write_checkpoint(tmp_path / "a", {"a": [0, value]})
    assert list(tmp_path.iterdir()) == []


def test_contents_that_would_not_be_read_are_not_written(tmp_path):
    for contents in ([1], {"a": 2**3000}, {"a": "x" * 2**24}, {"a": [0] * 1_000_000}):
        with pytest.raises(ValueError, match="expected a pickle"):
            write_checkpoint(tmp_path / "a", contents)
    assert list(tmp_path.iterdir()) == []
