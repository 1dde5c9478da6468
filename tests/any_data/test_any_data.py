"""Some data sets in every way; `python -m tests.any_data` does it for all kinds."""

import pytest

from .cases import CASES
from .check_case import check_case

SOME = {case.name: case for case in CASES}


@pytest.mark.sweep
@pytest.mark.parametrize("name", ["missing values", "diabetes.csv", "RGB folder"])
def test_a_data_set_is_trained_resumed_predicted_and_exported(name, tmp_path):
    assert "equal" in check_case(SOME[name], tmp_path)
