"""Gradient health in the logs of a run, against the same training by torch.nn, autograd and torch.optim."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from torchnet import Dropout, set_step
from torchnet.data import Deformation, load
from torchnet.data.order import shuffled
from torchnet.training.module import Classifier

from ...datasets import by_label
from ...run_folders import DIGITS, newest

EVERY_10 = ("--gradient_health.every_n_steps", 10)


def logged(prefix: str = "") -> dict[int, dict[str, float]]:
    """Return what the newest run has logged of its layers, by step."""
    with (max(Path("runs").glob("*/*")) / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = {int(row["step"]): {k: float(v) for k, v in row.items() if "/layer_" in k and v} for row in rows}
    return {step: values for step, values in found.items() if values}


@pytest.mark.parametrize("clip", [(), ("--model.clip_norm", 0.05)], ids=["plain", "clipped"])
def test_it_logs_what_plain_torch_measures_on_the_same_steps(clip, cli, expect_equal):
    precise = ("--model.dtype=float64", "--model.activation=relu", "--model.momentum=0.9", "--model.lr=0.1")
    assert cli(DIGITS, "--trainer.max_epochs=1", *precise, *EVERY_10, *clip) == 0
    got = logged()
    assert list(got) == [0, 10, 20]

    data = by_label(load("digits"))
    images = torch.from_numpy(data.train_images).double().flatten(1) / 255
    labels = torch.from_numpy(data.train_labels)
    twin = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)).double()
    model = Classifier(64, 10, hidden_sizes=[64, 64], activation="relu", dtype="float64", seed=10)
    twin.load_state_dict(model.net.state_dict())
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9)
    order = torch.from_numpy(shuffled(len(labels), 10)(0))
    for step, chosen in enumerate(order.split(50)):
        before = [twin[i].weight.detach().clone() for i in (0, 2, 4)]
        hidden_1 = twin[:2](images[chosen]).detach().numpy()
        optimizer.zero_grad()
        nn.functional.cross_entropy(twin(images[chosen]), labels[chosen]).backward()
        gradients = [twin[i].weight.grad.clone() for i in (0, 2, 4)]
        if clip:
            nn.utils.clip_grad_norm_(twin.parameters(), 0.05)
        optimizer.step()
        if step not in got:
            continue
        for k, i in enumerate((0, 2, 4)):
            norm, ratio = gradients[k].norm(), (twin[i].weight.detach() - before[k]).norm() / before[k].norm()
            name = f"layer_{k + 1}"
            expect_equal(f"{name}, step {step}", np.array(got[step][f"gradient_norm/{name}"]), norm, "torch", 1e-11)
            expect_equal(f"{name}, step {step}", np.array(got[step][f"update_ratio/{name}"]), ratio, "torch", 1e-11)
        assert got[step]["dead/layer_1"] == (hidden_1.max(axis=0) == 0).mean()


def test_it_sees_the_images_and_the_masks_of_the_very_step(cli):
    random = ("--data.deformation.rotation=40", "--model.dropout=[0.5,0]", "--model.initializer=xavier_normal")
    saves = ("--checkpoints.every_n_steps=10", "--checkpoints.keep=9")
    assert cli(DIGITS, "--trainer.max_epochs=1", "--model.lr=5", "--model.momentum=0", *random, *saves, *EVERY_10) == 0
    data = by_label(load("digits"))
    images = torch.from_numpy(data.train_images).float() / 255
    order = torch.from_numpy(shuffled(len(images), 10)(0))
    for step in (10, 20):
        weights = torch.load(newest(f"step={step}.ckpt"), weights_only=True)["state_dict"]
        w1, b1, w2, b2 = (weights[f"net.{name}"] for name in ("0.weight", "0.bias", "3.weight", "3.bias"))
        seen = Deformation(rotation=40, seed=10)(images[order[50 * step :][:50]], torch.tensor(step)).flatten(1)
        dropout = Dropout(0.5, seed=10, stream=0)
        set_step(dropout, step)
        hidden = dropout(torch.sigmoid(seen @ w1.T + b1))
        y = torch.sigmoid(hidden @ w2.T + b2).numpy()
        assert 0 < logged()[step]["saturated/layer_2"] < 1
        assert logged()[step]["saturated/layer_2"] == pytest.approx((y * (1 - y) < 0.025).mean(), abs=1e-3)


def test_it_changes_no_bit_and_can_be_left_out(cli):
    options = (DIGITS, "--trainer.max_epochs=2", "--model.normalization=batch_norm", "--model.dropout=0.2")
    assert cli(*options, "--gradient_health.every_n_steps=0") == 0
    expected = torch.load(newest(), weights_only=True)["state_dict"]
    assert logged() == {}
    assert cli(*options, "--gradient_health.every_n_steps=3") == 0
    got = torch.load(newest(), weights_only=True)["state_dict"]
    assert list(logged())[:3] == [0, 3, 6]
    assert all(torch.equal(got[name], expected[name]) for name in expected)


def test_a_ratio_to_weights_that_are_zero_is_left_out(cli):
    assert cli(DIGITS, "--trainer.max_epochs=1", "--model.initializer=zeros", *EVERY_10) == 0
    first = logged()[0]
    assert "gradient_norm/layer_1" in first
    assert "update_ratio/layer_1" not in first


def test_tensorboard_has_it_too(cli):
    assert cli(DIGITS, "--trainer.max_epochs=1") == 0
    (events,) = Path("runs").glob("digits/*/events.out.tfevents.*")
    assert b"gradient_norm/layer_1" in events.read_bytes()


def test_a_negative_number_is_refused(cli, capsys):
    assert cli(DIGITS, "--gradient_health.every_n_steps=-1") == 2
    assert "every_n_steps: expected a whole number from 0 (never) up, got -1" in capsys.readouterr().err
