"""The operators are what they say, and torchnet.check passes the right ones and fails the wrong ones."""

import pytest

from . import OPERATORS
from .catalog import Operator
from .gradients import is_right, wrong_leaves
from .judgement import judge, shares

_EVERY = 9  # this share of the operators runs always, the others in the sweep

each_operator = pytest.mark.parametrize(
    "operator",
    [
        pytest.param(operator, id=operator.name, marks=[pytest.mark.sweep] if i % _EVERY else [])
        for i, operator in enumerate(OPERATORS)
    ],
)


@each_operator
def test_the_right_backward_agrees_with_autograd_and_each_mistake_changes_just_what_it_says(operator: Operator):
    assert is_right(operator)
    assert {m.name: wrong_leaves(operator, m) for m in operator.mistakes} == {
        m.name: m.accused for m in operator.mistakes
    }


@each_operator
def test_check_passes_the_right_operator_and_fails_each_mistake(operator: Operator):
    row = judge(operator)
    assert row.right_passes, row.reports[0]
    for mistake, report, fails in zip(operator.mistakes, row.reports[1:], row.fails, strict=True):
        assert fails, f"{mistake.name}: {report}"


def test_there_are_enough_operators_with_different_names():
    assert len({operator.name for operator in OPERATORS}) == len(OPERATORS) >= 64
    assert all(operator.mistakes for operator in OPERATORS)


@pytest.mark.sweep
def test_exactly_the_wrong_tensors_are_accused_and_the_mistake_is_named():
    for what, (count, total, least) in shares([judge(operator) for operator in OPERATORS]).items():
        assert count >= least * total, f"{what}: {count} of {total}, expected {least:.0%}"
