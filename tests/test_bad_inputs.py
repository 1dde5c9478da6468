"""Invalid input for predict, report, export and demo."""

import pytest

from .bad_inputs import CASES, Case, call, make


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    make(folder)
    return folder


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.command)
def test_it_is_rejected_in_one_line(case: Case, files, monkeypatch):
    monkeypatch.chdir(files)
    assert call(case) is None
