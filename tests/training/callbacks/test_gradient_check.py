"""The check of the gradients during training."""

import itertools

import pytest
import torch

from torchnet import Linear, Sigmoid
from torchnet.checking import precision

from ...run_folders import DIGITS, newest

EVERY_STEP = ("--gradient_check.every_n_steps", 1)


def weights() -> dict[str, torch.Tensor]:
    return torch.load(newest(), weights_only=True)["state_dict"]


@pytest.mark.parametrize(
    ("activation", "dtype"),
    [
        *itertools.product(("sigmoid", "tanh", "relu"), ("float32",)),
        pytest.param("sigmoid", "float64", marks=pytest.mark.sweep),
        ("tanh", "float64"),
        pytest.param("relu", "float64", marks=pytest.mark.sweep),
    ],
)
def test_a_right_run_passes_and_is_not_changed(dtype, activation, cli):
    options = (DIGITS, "--trainer.max_epochs", 1, "--model.dtype", dtype, "--model.activation", activation)
    assert cli(*options) == 0
    expected = weights()
    assert cli(*options, *EVERY_STEP) == 0
    got = weights()
    assert all(torch.equal(got[name], expected[name]) for name in expected)


def test_it_checks_the_first_step_and_every_nth_and_none_by_default(cli, monkeypatch, capsys):
    calls = []
    judge = precision.precision_of
    monkeypatch.setattr(precision, "precision_of", lambda *args: calls.append(1) or judge(*args))
    assert cli(DIGITS, "--trainer.max_epochs", 1) == 0
    assert calls == []
    assert "gradients checked" not in capsys.readouterr().out
    assert cli(DIGITS, "--trainer.max_epochs", 1, "--gradient_check.every_n_steps", 10) == 0
    assert "gradients checked at 3 steps: right; largest error " in capsys.readouterr().out
    assert len(calls) == 3  # of 29 steps the 1st, the 11th and the 21st


def test_the_notebooks_divisor_is_known(cli):
    order = ("--data.order", "notebook", "--data.batch_size", 479, "--data.one_hot", "true")
    assert cli(DIGITS, "--trainer.max_epochs", 1, *order, *EVERY_STEP) == 0


def test_a_gradient_that_drifts_stops_the_run(cli, monkeypatch, capsys):
    right, calls = Sigmoid.backward, []

    def drifting(layer, grad_output, input_grad=True):
        calls.append(1)
        grad_input = right(layer, grad_output, input_grad)
        return grad_input * 1.0001 if len(calls) > 2 * 40 else grad_input  # two layers, 40 steps

    monkeypatch.setattr(Sigmoid, "backward", drifting)
    # A captured step is not taken in Python again: it would not drift.
    assert (
        cli(
            DIGITS,
            "--trainer.max_epochs",
            3,
            "--model.captured",
            "false",
            *EVERY_STEP,
            "--gradient_health.every_n_steps=0",
        )
        == 70
    )
    error = capsys.readouterr().err
    assert error.startswith("error: step 41: the gradient of 0.")
    assert error.count("\n") == 1
    assert "float32" in error


def test_weights_that_change_before_the_gradient_is_propagated_are_noticed(cli, monkeypatch, capsys):
    right = Linear.backward

    def updates_first(layer, grad_output, input_grad=True):
        layer.weight.data.mul_(0.99)
        return right(layer, grad_output, input_grad)

    monkeypatch.setattr(Linear, "backward", updates_first)
    assert cli(DIGITS, "--trainer.max_epochs", 1, *EVERY_STEP) == 70
    assert "step 1: the gradient of " in capsys.readouterr().err


def test_a_weight_without_a_gradient_is_noticed(cli, monkeypatch, capsys):
    right = Linear.backward

    def forgets(layer, grad_output, input_grad=True):
        grad_input = right(layer, grad_output, input_grad)
        layer.bias.grad = None
        return grad_input

    monkeypatch.setattr(Linear, "backward", forgets)
    assert cli(DIGITS, "--trainer.max_epochs", 1, *EVERY_STEP) == 70
    assert "step 1: the gradient of 0.bias is missing" in capsys.readouterr().err


def test_a_negative_number_is_refused(cli, capsys):
    assert cli(DIGITS, "--gradient_check.every_n_steps", -1) == 2
    assert "every_n_steps: expected a whole number from 0 (never) up, got -1" in capsys.readouterr().err


def test_a_run_whose_gradients_overflow_ends_in_a_sentence(cli, capsys):
    assert cli(DIGITS, "--model.activation=relu", "--model.lr=1e30", *EVERY_STEP) == 70
    error = capsys.readouterr().err
    assert "step 2: the loss is NaN" in error  # noticed before the check of that step
    assert error.count("\n") == 1
