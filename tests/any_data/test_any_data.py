"""One data set in every way; `python -m tests.any_data` does it for all kinds."""

import pytest

from .cases import CASES
from .check_case import check_case

SOME = {case.name: case for case in CASES}


@pytest.mark.parametrize(
    "name",
    ["missing values", *(pytest.param(name, marks=pytest.mark.sweep) for name in ("diabetes.csv", "RGB folder"))],
)
def test_a_data_set_is_trained_resumed_predicted_and_exported(name, tmp_path):
    assert "equal" in check_case(SOME[name], tmp_path)
