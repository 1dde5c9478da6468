"""Right solutions pass, and each typical wrong one gets a hint that names its kind."""

import pytest

import torchnet

from .solutions import RIGHT, WRONG

CASES = [(name, i) for name, solutions in RIGHT.items() for i in range(len(solutions))]
MISTAKES = [(name, i) for name, solutions in WRONG.items() for i in range(len(solutions))]


def test_every_exercise_has_right_and_wrong_solutions():
    names = set(torchnet.exercise())
    assert names == RIGHT.keys() == WRONG.keys()
    assert all(len(wrong) >= 4 for wrong in WRONG.values())


@pytest.mark.parametrize(("name", "i"), CASES)
def test_right_solutions_pass(name, i):
    result = torchnet.exercise(name).check(RIGHT[name][i])
    assert result.passed, result
    assert (result.kind, result.where, result.hints) == ("", "", ())
    result.raise_if_failed()


@pytest.mark.parametrize(("name", "i"), MISTAKES)
def test_a_hint_names_the_kind_of_a_wrong_solution(name, i):
    function, kind = WRONG[name][i]
    exercise = torchnet.exercise(name)
    results = [exercise.check(function) for _ in range(4)]
    assert not any(result.passed for result in results)
    assert {result.kind for result in results} == {kind}, results[-1]
    assert any(kind in hint.lower() for hint in results[-1].hints), results[-1]
    assert [len(result.hints) for result in results] == [1, 2, 3, 3], results[-1]
    assert [result.text for result in results] == ["Call check again for a more direct hint."] * 2 + [""] * 2
    assert results[-1].hints[-1].endswith(f"Read on in {exercise._task.derivation}.")
