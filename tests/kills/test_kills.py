"""A sample of the runs that are killed: `python -m tests.kills` kills all of them; and what they are compared by."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from torchnet.storage import read_checkpoint, write_checkpoint

from .__main__ import AREAS
from .comparison import first_difference, newest
from .lab import Lab
from .ledger import join


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("kills"), jobs=1) as lab:
        yield lab


@pytest.mark.parametrize(
    ("area", "every"), [("K1", 6), *(pytest.param(area, 2, marks=pytest.mark.sweep) for area in AREAS)]
)
def test_a_run_that_is_disturbed_comes_to_what_it_would_have_come_to(area, every, lab):
    _, cases = AREAS[area]
    verdicts = list(lab.judge(cases(True)[::every]))
    misses = [verdict.miss for verdict in verdicts if verdict.miss is not None]
    assert not misses, "\n".join(misses)
    assert sum(verdict.disturbed for verdict in verdicts) >= sum(verdict.case.disturbances for verdict in verdicts)


@pytest.fixture
def copies(lab: Lab, tmp_path: Path) -> list[Path]:
    """Two copies of the folder of a run that nobody disturbed."""
    golden = lab.golden("plain").run
    return [shutil.copytree(golden, tmp_path / name / golden.name) for name in ("one", "other")]


def test_a_copy_is_the_same(copies):
    one, other = copies
    assert first_difference([other], one) is None


@pytest.mark.parametrize("name", ["metrics.csv", "report.json"])
def test_a_single_digit_is_noticed(name, copies):
    one, other = copies
    text = (other / name).read_text()
    (other / name).write_text(text[:-9] + text[-9:].replace("\n", " \n", 1))
    assert name in str(first_difference([other], one))


@pytest.mark.parametrize("key", ["state_dict", "optimizer_states"])
def test_a_single_bit_is_noticed(key, copies):
    one, other = copies
    contents = read_checkpoint(newest([other]))
    tensors = contents[key] if key == "state_dict" else contents[key][0]["state"][0]
    tensor = next(iter(tensors.values()))
    tensor.view(torch.int32).view(-1)[-1] ^= 1
    write_checkpoint(newest([other]), contents)
    assert f"1 of {tensor.numel()} numbers differ" in str(first_difference([other], one))


@pytest.mark.parametrize(
    ("value", "other_value"), [(0.0, -0.0), (1, 1.0), (1, True), ([1, 2], [1]), ({"a": 1}, {"b": 1}), ("a", "b")]
)
def test_another_value_is_noticed(value, other_value, copies):
    one, other = copies
    for run, it in ((one, value), (other, other_value)):
        write_checkpoint(newest([run]), read_checkpoint(newest([other])) | {"it": it})
    assert "['it']" in str(first_difference([other], one))


def test_ledgers_are_cut_where_the_next_run_began():
    first, second, third = {0: [5], 1: [6], 2: [7]}, {1: [6], 2: [7], 3: [8]}, {4: [9]}
    assert join([first, {}, second, third]) == {0: [5], 1: [6], 2: [7], 3: [8], 4: [9]}
