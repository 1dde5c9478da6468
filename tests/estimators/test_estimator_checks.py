"""scikit-learn's own checks of an estimator; the summary of a test run lists them."""

import os
from importlib.util import find_spec

import pytest
from sklearn.utils.estimator_checks import check_estimator

from torchnet import MLPClassifier, MLPRegressor

from ..conftest import CHECKS

# scikit-learn skips these if what they need is not there.
SKIPPED = {} if os.environ.get("SCIPY_ARRAY_API") else {"check_array_api_input"}
if find_spec("pandas") is None:
    SKIPPED = {*SKIPPED, "check_classifier_data_not_an_array", "check_regressor_data_not_an_array"}


@pytest.mark.parametrize("estimator", [MLPClassifier(), MLPRegressor()])
def test_scikit_learn_accepts_the_estimator(estimator, record_property):
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    lines = []
    for status in sorted({it["status"] for it in results}):
        names = [it["check_name"] for it in results if it["status"] == status]
        lines.append(f"{type(estimator).__name__}, {len(names)} {status}: {', '.join(dict.fromkeys(names))}")
    record_property(CHECKS, "\n".join(lines))
    assert len(results) > 50
    failed = {it["check_name"]: it["exception"] for it in results if it["status"] not in ("passed", "skipped")}
    assert failed == {}
    assert {it["check_name"] for it in results if it["status"] == "skipped"} <= set(SKIPPED)
