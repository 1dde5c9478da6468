"""A sample of `python -m tests.data.malformed`: most cases call `load`, some the command line."""

from collections import Counter

import pytest

from .malformed import EXPECTED, MOST_MEGABYTES, all_cases, fault_of_command, fault_of_load, peak_megabytes

CASES = all_cases()
MAT = [case for case in CASES if case.kind == "mat"]  # each starts a process
QUICK = [case for case in CASES if case.kind != "mat"] + MAT[::8]


def test_the_number_of_cases():
    assert Counter(case.kind for case in CASES) == EXPECTED
    assert len({case.name for case in CASES}) == sum(EXPECTED.values())


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
def test_a_malformed_source_is_refused_in_one_sentence_that_names_it(case, tmp_path):
    before = peak_megabytes()
    assert fault_of_load(case, tmp_path) is None
    assert peak_megabytes() - before < MOST_MEGABYTES


@pytest.mark.parametrize("case", CASES[::45], ids=lambda case: case.name)
def test_the_command_line_exits_with_code_65(case, tmp_path):
    assert fault_of_command(case, tmp_path) is None
