"""Whatever a student wrote, check() returns a result that says what is wrong."""

import functools
import itertools

import numpy as np
import pytest
import torch

import torchnet

from .solutions import RIGHT


def linear_backward(grad_output, x, weight):
    return grad_output @ weight, grad_output.T @ x, grad_output.sum(0)


def changed(i, change):
    """The right solution with one result changed."""

    def function(*given):
        results = list(linear_backward(*given))
        results[i] = change(results[i])
        return results

    return function


def raising(error):
    def function(*given):
        raise error

    return function


def in_place(grad_output, x, weight):
    results = linear_backward(grad_output, x, weight)
    weight -= 0.1
    return results


def resizing(grad_output, x, weight):
    results = linear_backward(grad_output, x, weight)
    x.resize_(1)
    return results


def recursive(*given):
    return recursive(*given)


class Solution:
    def __init__(self, *given):
        pass


ABUSES = {
    "None": (lambda *given: None, "not written"),
    "the stub": (lambda *given: (..., ..., ...), "not written"),
    "NotImplementedError": (raising(NotImplementedError()), "not written"),
    "one result missing": (changed(1, lambda x: ...), "not written"),
    "no function": (None, "not a function"),
    "a tensor": (torch.ones(3), "not a function"),
    "a class": (Solution, "number of results"),
    "too few arguments": (lambda grad_output, x: None, "signature"),
    "too many arguments": (lambda a, b, c, d: None, "signature"),
    "keywords": (lambda grad_output, *, x, weight: None, "signature"),
    "one result": (lambda g, x, w: g @ w, "number of results"),
    "four results": (lambda g, x, w: (*linear_backward(g, x, w), None), "number of results"),
    "a dictionary": (lambda g, x, w: {"grad_input": g @ w}, "number of results"),
    "a generator": (lambda g, x, w: (y for y in linear_backward(g, x, w)), "number of results"),
    "an error": (raising(ZeroDivisionError("division by zero")), "raises"),
    "an error without text": (raising(AssertionError()), "raises"),
    "exit": (raising(SystemExit(0)), "raises"),
    "recursion": (recursive, "raises"),
    "shapes that do not match": (lambda g, x, w: (g * w, 0, 0), "raises"),
    "NumPy": (changed(0, lambda x: x.numpy()), "not a tensor"),
    "a number": (changed(2, lambda x: float(x.sum())), "not a tensor"),
    "a list": (changed(2, lambda x: x.tolist()), "not a tensor"),
    "a tensor without numbers": (changed(0, lambda x: x.to("meta")), "not a tensor"),
    "a sparse tensor": (changed(0, lambda x: x.to_sparse()), "not a tensor"),
    "float32": (changed(0, torch.Tensor.float), "dtype"),
    "float16": (changed(0, torch.Tensor.half), "dtype"),
    "integers": (changed(0, torch.Tensor.long), "dtype"),
    "complex": (changed(0, lambda x: x + 1j), "dtype"),
    "a change in place": (in_place, "side effect"),
    "a change of size": (resizing, "side effect"),
    "NaN": (changed(1, lambda x: x * float("nan")), "not finite"),
    "infinity": (changed(1, lambda x: x / 0), "not finite"),
    "one NaN": (changed(1, lambda x: x.index_fill(0, torch.tensor([1]), float("nan"))), "not finite"),
    "empty": (changed(2, lambda x: x[:0]), "wrong shape"),
    "three dimensions": (changed(1, lambda x: x[None]), "wrong shape"),
    "zero": (changed(1, torch.zeros_like), "zero"),
    "for these sizes only": (lambda g, x, w: (g @ w, g.T @ x, g.T @ torch.ones(5, dtype=g.dtype)), "raises"),
    "for five samples only": (
        lambda g, x, w: (g @ w, g.T @ x, g[0] + g[1] + g[2] + g[3] + (g[4] if len(g) > 4 else 0)),
        "other inputs",
    ),
    "for contiguous inputs only": (
        lambda g, x, w: (g @ w, g.T @ x, torch.as_strided(g, g.shape, (g.shape[1], 1)).sum(0)),
        "memory layout",
    ),
}


@pytest.mark.parametrize("name", ABUSES)
def test_a_result_says_what_is_wrong(name):
    function, kind = ABUSES[name]
    exercise = torchnet.exercise("linear_backward")
    result = exercise.check(function)
    assert not result.passed
    assert result.kind == kind, result
    assert kind == "not written" or kind in " ".join(exercise.check(function).hints).lower(), result
    assert "linear_backward: not yet" in str(result)
    assert "linear_backward" in result._repr_html_()
    with pytest.raises(AssertionError, match="linear_backward"):
        result.raise_if_failed()


ODD_BUT_RIGHT = {
    "a list": lambda *given: list(linear_backward(*given)),
    "any arguments": lambda *given, **options: linear_backward(*given),
    "other names": lambda a, b, c=None: linear_backward(a, b, c),
    "a partial": functools.partial(linear_backward),
    "a method": type("Student", (), {"backward": staticmethod(linear_backward)})().backward,
    "parameters": changed(0, torch.nn.Parameter),
    "a graph": changed(0, lambda x: x.clone().requires_grad_() * 1),
    "not contiguous": changed(1, lambda x: x.T.contiguous().T),
    "warnings": lambda *given: linear_backward(*(torch.from_numpy(np.array(x)) for x in given)),
}


@pytest.mark.parametrize("name", ODD_BUT_RIGHT)
def test_odd_functions_that_are_right_pass(name):
    result = torchnet.exercise("linear_backward").check(ODD_BUT_RIGHT[name])
    assert result.passed, result


@pytest.mark.parametrize("name", ["linear_backward", "cross_entropy", "adam_step"])
@pytest.mark.parametrize("last", [raising(KeyError("x")), raising(SystemExit(1)), lambda *given: None])
@pytest.mark.parametrize("count", [1, 3, 5, 8])
def test_a_function_that_breaks_after_some_calls_raises_nothing(name, last, count):
    calls = itertools.count()
    result = torchnet.exercise(name).check(
        lambda *given: RIGHT[name][0](*given) if next(calls) < count else last(*given)
    )
    assert isinstance(str(result), str)


def first_text(function, name="linear_backward"):
    result = torchnet.exercise(name).check(function)
    return " ".join([result.text, *result.hints])


def test_the_first_hint_says_what_to_change_about_the_type_of_a_result():
    for wanted in (torch.float32, torch.float64):
        text = first_text(changed(0, lambda x, wanted=wanted: x.to(wanted)))
        assert "inputs of float64 and of float32" in text
        assert "torch.zeros_like(x), or with dtype=x.dtype" in text
    assert "operations of torch" in first_text(changed(0, lambda x: x.numpy()))
    assert "got one object of type str" in first_text(lambda *given: "abc")


def test_a_forgotten_return_is_named():
    assert "returned None: end it with `return grad_input, grad_weight, grad_bias`" in first_text(lambda *given: None)
    assert "Replace each ..." in first_text(lambda *given: (..., ..., ...))


def test_the_end_of_the_program_is_called_by_its_name():
    text = first_text(raising(SystemExit(0)))
    assert "Raises: SystemExit, which ends the program" in text
    assert ".py" not in text


def test_a_function_prints_at_its_first_call_only(capsys):
    def function(*given):
        print("seen")
        return linear_backward(*given)

    for _ in range(2):
        assert torchnet.exercise("linear_backward").check(function).passed
        assert capsys.readouterr().out == "seen\n"


def test_an_interruption_by_the_user_is_not_caught():
    with pytest.raises(KeyboardInterrupt):
        torchnet.exercise("linear_backward").check(raising(KeyboardInterrupt()))


def test_text_of_a_solution_is_escaped():
    result = torchnet.exercise("softmax").check(raising(ValueError("\x1b[2J<script>")))
    assert "\x1b" not in str(result)
    assert "<script>" not in result._repr_html_()


def test_the_upstream_gradient_of_a_solution_is_left_alone():
    seen = []

    def function(grad_output, x, weight):
        seen.append(grad_output)
        grad_output.zero_()
        return linear_backward(grad_output, x, weight)

    exercise = torchnet.exercise("linear_backward")
    assert exercise.check(function).kind == "side effect"
    assert exercise.check(linear_backward).passed
    assert len({x.data_ptr() for x in seen}) == len(seen)
