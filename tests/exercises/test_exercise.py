"""torchnet.exercise: the task, the list, and hints that become more direct and never show the answer."""

import ast
import json
import re
import subprocess
import sys
import time

import pytest
import torch

import torchnet
from torchnet.exercises import ExerciseError

from ..conftest import ROOT
from .solutions import RIGHT, WRONG

NAMES = list(torchnet.exercise())


def transposed(grad_output, x, weight):
    return grad_output @ weight, x.T @ grad_output, grad_output.sum(0)


def without_sum(grad_output, x, weight):
    return grad_output @ weight, grad_output.T @ x, grad_output


@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_shows_task_equations_shapes_and_a_stub(name):
    exercise = torchnet.exercise(name)
    text = str(exercise)
    assert text == repr(exercise)
    assert all(len(line) <= 120 for line in text.splitlines())
    stub = text.partition("Write:\n\n")[2]
    namespace = {}
    exec("\n".join(line[4:] for line in stub.splitlines()), namespace)
    assert exercise.check(namespace[name]).kind == "not written"
    page = exercise._repr_html_()
    for part in (name, "(N, C)" if "(N, C)" in text else "<table>", f">def {name}("):
        assert part in page
    assert page.count("<div") == page.count("</div")
    assert page.count("<pre") == page.count("</pre")


@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_does_not_hold_the_answer(name):
    exercise = torchnet.exercise(name)
    assert [attribute for attribute in dir(exercise) if not attribute.startswith("_")] == ["check", "name"]


def test_without_a_name_all_are_listed_from_easy_to_hard():
    overview = torchnet.exercise()
    header, *lines = str(overview).splitlines()
    assert header.split() == ["exercise", "level", "what", "the", "function", "computes"]
    assert [line.split()[0] for line in lines] == NAMES
    levels = [int(line.split()[1]) for line in lines]
    assert levels == sorted(levels)
    assert len(NAMES) >= 15
    assert all(f"<code>{name}</code>" in overview._repr_html_() for name in NAMES)


def test_a_wrong_name_is_answered_with_a_similar_one_and_the_list():
    with pytest.raises(ValueError, match="did you mean linear_backward") as found:
        torchnet.exercise("linear_backwards")
    message = str(found.value)
    assert message.startswith("exercise: expected")
    assert message.index("did you mean") < message.index(NAMES[0])
    assert all(name in message for name in NAMES)


def test_hints_become_more_direct_with_each_attempt_at_the_same_mistake():
    exercise = torchnet.exercise("linear_backward")
    first, second, third, fourth = (exercise.check(transposed) for _ in range(4))
    assert first.hints == ("grad_weight has shape (3, 4), expected (4, 3).",)
    assert second.hints[0] == first.hints[0]
    assert "right size and the wrong orientation" in second.hints[1]
    assert second.hints == third.hints[:2]
    assert third.hints == fourth.hints
    assert [result.attempt for result in (first, second, third, fourth)] == [1, 2, 3, 4]
    assert (first.kind, first.where) == ("transposed", "grad_weight")


def test_another_mistake_begins_with_its_first_hint():
    exercise = torchnet.exercise("linear_backward")
    assert len(exercise.check(transposed).hints) == 1
    assert len(exercise.check(transposed).hints) == 2
    assert len(exercise.check(without_sum).hints) == 1
    assert len(exercise.check(transposed).hints) == 3
    assert len(torchnet.exercise("linear_backward").check(transposed).hints) == 1  # a fresh one


@pytest.mark.parametrize("name", NAMES)
def test_the_place_to_read_on_exists(name):
    path, _, section = torchnet.exercise(name)._task.derivation.partition(", section ")
    text = (ROOT / path).read_text(encoding="utf-8")
    if section:
        cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"]]
        assert any(f"## {section}. " in cell for cell in cells), (path, section)


def test_the_third_hint_looks_where_a_factor_or_sign_of_this_kind_comes_from():
    def hint(function):
        exercise = torchnet.exercise("linear_backward")
        return [exercise.check(function) for _ in range(3)][-1].hints[2]

    assert "a mean where they have a sum" in hint(lambda g, x, w: (g @ w, g.T @ x, g.mean(0)))
    assert "Where do the equations have a mean?" in hint(lambda g, x, w: (g @ w, g.T @ x * len(x), g.sum(0)))
    assert "Count the factors" in hint(lambda g, x, w: (g @ w, 1.7 * g.T @ x, g.sum(0)))
    assert "Compare each minus" in hint(lambda g, x, w: (g @ w, -g.T @ x, g.sum(0)))
    assert "the line with return" in hint(lambda g, x, w: (g @ w, g.sum(0), g.T @ x))
    assert "add up over n" in hint(lambda g, x, w: (g @ w, x.T @ g, g.sum(0)))  # what the exercise says


def test_a_question_ends_without_a_period():
    for function, _ in WRONG["mlp_backward"]:
        exercise = torchnet.exercise("mlp_backward")
        assert "?." not in str([exercise.check(function) for _ in range(3)][-1])


def test_where_one_element_of_the_input_decides_its_value_is_shown():
    overflows = torchnet.exercise("sigmoid_slope").check(lambda x: torch.exp(-x) / (1 + torch.exp(-x)) ** 2)
    assert "at [0, 1], where x is -1000, it is nan and should be 0" in overflows.hints[0]
    at_zero = torchnet.exercise("relu_backward").check(lambda g, x: g * (x >= 0))
    assert re.search(r"where grad_output is -?[\d.]+ and x is -?0, it is", at_zero.hints[0])
    assert "where" not in torchnet.exercise("softmax").check(torch.sigmoid).hints[0]


def test_a_part_may_be_written_first():
    exercise = torchnet.exercise("linear_backward")
    result = exercise.check(lambda g, x, w: (..., ..., g.sum(0)))
    assert result.text == "Still to write: grad_input, grad_weight. The rest is right so far."
    assert exercise.check(lambda g, x, w: (..., ..., g.sum(1))).kind == "wrong axis"


def test_a_right_solution_is_praised_and_told_what_is_next():
    for name in NAMES[:-1]:
        result = torchnet.exercise(name).check(RIGHT[name][0])
        assert str(result).startswith(f"{name}: passed. Right")
        (following,) = re.findall(r"Next: (?:the )?(\w+)", result.text) or [None]
        assert following in NAMES or following == "normalizations", result.text


# Code that no hint may contain, without spaces: what a right solution has, in any of its usual forms.
ANSWERS = {
    "sigmoid_slope": ["(1-", "sigmoid(-"],
    "relu_backward": ["x>0", "where(x"],
    "linear_forward": ["@weight", "weight.T+"],
    "mean_squared_error": ["2*", "-targets)/"],
    "linear_backward": ["grad_output@", "grad_output.T", ".sum(", "@x", "@weight"],
    "sgd_momentum_step": ["momentum*", "lr*", "-lr"],
    "softmax": ["amax", ".max(", "exp(", "softmax("],
    "log_softmax": ["logsumexp", ".log(", "exp(", "-logits."],
    "silu_backward": ["(1-", "(1+", "*sigmoid", "sigmoid(x)*"],
    "dropout_backward": ["mask*", "*mask", "mask/", "grad_output/"],
    "clip_by_norm": ["norm()", "clamp(", "sqrt("],
    "batch_norm_forward": [".var(", "sqrt(", ".mean("],
    "cross_entropy": ["softmax(", "one_hot", "-1/N", "p-"],
    "residual_backward": ["@weight", ">0", "grad_output+", "+grad"],
    "mlp_backward": ["@weight", "hidden**2", "hidden*hidden", ".T@"],
    "adam_step": ["beta1*", "beta2*", "sqrt(", "**step"],
    "adamw_step": ["beta1*", "beta2*", "sqrt(", "**step", "lr*"],
    "softmax_backward": ["p*(", "sum(", "*p"],
    "rms_norm_backward": [".mean(", "rsqrt", "**3", "x*"],
    "layer_norm_backward": [".mean(", "rsqrt", "normalized*", "sum("],
    "batch_norm_backward": [".mean(", "rsqrt", "normalized*", ".sum("],
    "attention_backward": ["@k", "@q", "@v", ".T@", "weights.T", "weightsᵀ"],
}


@pytest.mark.parametrize("name", NAMES)
def test_no_hint_contains_the_code_of_the_answer(name):
    for function, _ in WRONG[name]:
        exercise = torchnet.exercise(name)
        hints = [exercise.check(function) for _ in range(3)][-1].hints
        text = " ".join(hints).replace(" ", "")
        for answer in ANSWERS[name]:
            assert answer not in text, hints
        assert not re.search(r"equals|the true gradient is", " ".join(hints)), hints


def test_a_failed_result_raises_an_assertion_with_the_kind_and_the_hint():
    with pytest.raises(ExerciseError, match="linear_backward: not yet right") as found:
        torchnet.exercise("linear_backward").check(transposed).raise_if_failed()
    assert isinstance(found.value, AssertionError)
    assert "grad_weight has shape (3, 4), expected (4, 3)" in str(found.value)


def test_a_result_is_shown_with_its_hints():
    exercise = torchnet.exercise("softmax")
    page = [exercise.check(torch.exp) for _ in range(3)][-1]._repr_html_()
    assert page.count("<li>") == 3
    assert "not yet right" in page
    assert "<p>Right." in exercise.check(RIGHT["softmax"][0])._repr_html_()


def test_a_check_does_not_touch_the_random_numbers_of_the_caller():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    torchnet.exercise("linear_backward").check(RIGHT["linear_backward"][0])
    assert torch.equal(torch.rand(2), expected)


def test_a_check_takes_seconds_at_most():
    torchnet.exercise("linear_backward").check(transposed)  # imports
    for name in NAMES:
        for function in (RIGHT[name][0], WRONG[name][0][0]):
            began = time.monotonic()
            torchnet.exercise(name).check(function)
            assert time.monotonic() - began < 30, name


def test_importing_torchnet_does_not_import_the_exercises():
    code = "import sys, torchnet; sys.exit(any(name.startswith('torchnet.exercises') for name in sys.modules))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_stubs_in_the_notebooks_are_those_of_the_exercises():
    found = set()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            for name in re.findall(r"^\w+\.check\((\w+)\)$", source, re.MULTILINE):
                if name in NAMES and "..." in source:
                    stub = ast.parse(torchnet.exercise(name)._task.stub).body[0]
                    assert ast.unparse(stub) == ast.unparse(ast.parse(source).body[0]), f"{path.name}: {name}"
                    found.add(name)
    assert len(found) > 8
