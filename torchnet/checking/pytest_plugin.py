"""A pytest fixture for your own tests: put `pytest_plugins = ["torchnet.checking.pytest_plugin"]` in conftest.py.

def test_my_layer(check_gradients):
    check_gradients(MyLayer(), torch.randn(7, 5))
"""

from collections.abc import Callable
from typing import Any

import pytest

from torchnet.checking.proof import check
from torchnet.checking.reports.report import Report


@pytest.fixture
def check_gradients() -> Callable[..., Report]:
    """Return a function with the arguments of `torchnet.check` that fails the test if a gradient is wrong."""

    def checked(*args: Any, **options: Any) -> Report:
        report = check(*args, **options)
        report.raise_if_failed()
        return report

    return checked
