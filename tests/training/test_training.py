"""Training itself: without autograd, resumed to the bit, and the same whatever does not matter."""

import itertools
import json
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Trainer
from torch import nn

from torchnet import MLP, reference
from torchnet.data import Block, load
from torchnet.data.order import shuffled
from torchnet.training.data_module import DataModule
from torchnet.training.module import Classifier

from ..datasets import by_label
from ..run_folders import DIGITS, expect_same_bits, last_of, newest, state

MOMENTUM = ("--model.momentum", "0.9", "--model.lr", "0.3")


def test_autograd_is_never_called(cli, monkeypatch):
    def forbidden(*args: object, **kwargs: object) -> None:
        raise AssertionError("autograd was called")

    for owner, name in (
        (torch.Tensor, "backward"),
        (torch.autograd, "backward"),
        (torch.autograd, "grad"),
        (torch.autograd.Function, "apply"),
    ):
        monkeypatch.setattr(owner, name, forbidden)
    assert cli(DIGITS, "--trainer.max_epochs", 2) == 0


@pytest.mark.parametrize("step", [1, 28, 29, 30, 40, 58, 86])  # within an epoch of 29 steps, and at the end of one
def test_a_resumed_run_ends_with_the_same_bits(step, cli):
    every = ("--checkpoints.every_n_steps", step, "--checkpoints.keep", 100)
    assert cli(DIGITS, *MOMENTUM, "--trainer.max_epochs", 3, *every) == 0
    straight = newest().parent.parent
    assert cli("--ckpt_path", straight / "checkpoints" / f"step={step}.ckpt") == 0  # by the configuration of its run
    resumed = newest().parent.parent
    assert resumed != straight
    expected = state(last_of(straight))
    assert expected["steps"] == 3 * 29
    assert expected["momentum"][0]["state"], "a momentum that is not there cannot be lost"
    expect_same_bits(state(last_of(resumed)), expected)
    for name in ("report.json", "metrics.csv"):
        assert (resumed / name).read_text() == (straight / name).read_text()


def test_a_finished_run_goes_on_as_if_it_had_been_longer(cli):
    assert cli(DIGITS, *MOMENTUM, "--trainer.max_epochs", 6) == 0
    straight = newest()
    assert cli(DIGITS, *MOMENTUM, "--trainer.max_epochs", 3) == 0
    assert cli("--ckpt_path", "last", "--trainer.max_epochs", 6) == 0
    expect_same_bits(state(newest()), state(straight))


@pytest.mark.parametrize("steps", [1, 29, 40])  # 29 steps an epoch
@pytest.mark.parametrize("validation", ["0", "0.05"])
def test_a_run_that_stopped_within_an_epoch_goes_on_with_the_rest_of_it(steps, validation, cli):
    options = (*MOMENTUM, "--data.validation_fraction", validation, "--trainer.max_epochs")
    assert cli(DIGITS, *options, 3) == 0
    straight = state(newest())
    assert cli(DIGITS, *options, 3, "--trainer.max_steps", steps) == 0
    assert state(newest())["steps"] == steps
    assert cli("--ckpt_path", "last", "--trainer.max_steps", "-1") == 0
    expect_same_bits(state(newest()), straight)


@pytest.mark.parametrize("min_epochs", [None, 2])
def test_a_run_that_is_told_to_stop_within_an_epoch_goes_on_with_the_rest_of_it(min_epochs, cli, monkeypatch):
    """As max_time does: by trainer.should_stop, which is obeyed once min_epochs are done."""
    assert cli(DIGITS, *MOMENTUM, "--trainer.max_epochs", 3) == 0
    straight = state(newest())
    step = Classifier.training_step

    def stop_after_ten(self: Classifier, block: Block, batch_idx: int) -> None:
        step(self, block, batch_idx)
        self.trainer.should_stop = self.trainer.should_stop or self.trainer.global_step == 10

    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "training_step", stop_after_ten)
        minimum = () if min_epochs is None else ("--trainer.min_epochs", min_epochs)
        blocks = ("--data.block_size", 5, "--gradient_health.every_n_steps", 5)  # which end at 1, 5, 6, 10, ...
        assert cli(DIGITS, *MOMENTUM, "--trainer.max_epochs", 3, *blocks, *minimum) == 0
    assert state(newest())["steps"] == (10 if min_epochs is None else 2 * 29)
    assert cli("--ckpt_path", "last") == 0
    expect_same_bits(state(newest()), straight)


def test_a_validation_within_an_epoch_that_stops_the_run_leaves_a_last_checkpoint(cli, monkeypatch):
    monkeypatch.setattr(
        Classifier, "on_validation_end", lambda self: setattr(self.trainer, "should_stop", True), raising=False
    )
    assert cli(DIGITS, "--data.validation_fraction", 0.2, "--trainer.val_check_interval", 7) == 0
    assert state(newest())["steps"] == 7


def test_the_last_checkpoint_knows_the_best_score_of_its_own_epoch(cli):
    assert cli(DIGITS, "--data.validation_fraction", 0.2, "--trainer.max_epochs", 1) == 0
    last, best = (torch.load(path, weights_only=True)["callbacks"] for path in (newest(), newest("best.ckpt")))
    assert last["Checkpoints"] == best["Checkpoints"]
    assert last["Checkpoints"]["best_step"] == 23


def test_a_best_checkpoint_from_after_the_resume_point_is_not_taken_over(cli):
    every = ("--checkpoints.every_n_steps", 30, "--checkpoints.keep", 100)
    assert cli(DIGITS, "--data.validation_fraction", 0.2, "--trainer.max_epochs", 4, *every) == 0
    later_best = state(newest("best.ckpt"))
    assert later_best["steps"] > 30
    assert cli("--ckpt_path", newest("step=30.ckpt"), "--model.lr", 50) == 0
    best = state(newest("best.ckpt"))
    assert best["steps"] > 30
    assert not torch.equal(best["weights"]["net.0.weight"], later_best["weights"]["net.0.weight"])


def test_the_best_checkpoint_of_a_resumed_run_is_the_best_of_all(cli):
    """With a learning rate that ruins the network after the resume, the best stays the one from before."""
    assert cli(DIGITS, "--data.validation_fraction", 0.2, "--trainer.max_epochs", 4) == 0
    best = state(newest("best.ckpt"))
    assert cli("--ckpt_path", "last", "--trainer.max_epochs", 6, "--model.lr", 50) == 0
    assert len(list(Path("runs").glob("digits/*/checkpoints/best.ckpt"))) == 2
    expect_same_bits(state(newest("best.ckpt")), best)
    assert cli("--ckpt_path", last_of(min(Path("runs").glob("digits/*"))), "--trainer.max_epochs", 8) == 0
    assert state(newest("best.ckpt"))["epoch"] > best["epoch"]


def test_the_same_command_gives_the_same_bits_and_another_seed_does_not(cli):
    states = []
    for seed in (1, 1, 2):
        assert cli(DIGITS, "--seed_everything", seed, "--trainer.max_epochs", 2) == 0
        states.append(state(newest()))
    expect_same_bits(states[1], states[0])
    assert not torch.equal(states[2]["weights"]["net.0.weight"], states[0]["weights"]["net.0.weight"])


def test_what_is_asked_for_on_resuming_counts(cli):
    assert cli(DIGITS, *MOMENTUM, "--trainer.max_epochs", 1) == 0
    before = state(newest())
    assert cli("--ckpt_path", "last", "--trainer.max_epochs", 2, "--model.lr", 0) == 0
    after = state(newest())
    assert after["steps"] == 2 * before["steps"]
    for name, weight in before["weights"].items():
        if name.startswith("net."):
            expect_same_bits(after["weights"][name], weight)


def test_last_is_the_newest_run_of_the_name_if_a_configuration_is_named(cli, capsys):
    assert cli(DIGITS, "--trainer.max_epochs", 1) == 0
    assert cli(DIGITS, "--trainer.max_epochs", 2, "--name", "other") == 0
    capsys.readouterr()
    for arguments, steps in (([], 58), ([DIGITS], 29), ([DIGITS, "--name", "other"], 58)):
        assert cli("test", *arguments, "--ckpt_path", "last") == 0
        assert f"after {steps} steps" in capsys.readouterr().out


def test_every_step_is_counted(cli):
    assert cli(DIGITS, "--trainer.max_epochs", 2) == 0
    assert state(newest())["steps"] == 2 * 29  # 1437 images in mini-batches of 50


def test_notebook_run_follows_the_reference_step_for_step(expect_equal, tmp_path):
    data = DataModule("digits", batch_size=479, order="notebook", one_hot=True, dtype="float64", seed=10)
    model = Classifier(64, 10, hidden_sizes=[12, 12], initializer="notebook", lr=1.0, dtype="float64", seed=10)
    trainer = Trainer(
        max_epochs=5,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        default_root_dir=tmp_path,
    )
    trainer.fit(model, data)
    images, labels = (tensor.numpy() for tensor in data.samples("train"))
    order = reference.notebook_order(labels)
    X = images[order].reshape(-1, 64).T / 255
    Y = torch.eye(10, dtype=torch.float64)[labels[order]].numpy().T
    params = reference.train(X, Y, (64, 12, 12, 10), epochs=5, batch_size=479)
    for (name, weight), expected in zip(model.net.named_parameters(), sum(params, ()), strict=True):
        expected = expected if expected.shape[1] > 1 else expected[:, 0]
        expect_equal(f"after 5 epochs, {name}", weight, expected, "the NumPy reference, 5 epochs", tolerance=1e-10)
    assert trainer.global_step == 5 * 3  # of 479, 479 and 478 images: 1437 less the very last


def test_a_scheduled_run_follows_autograd_and_torch_step_for_step(expect_equal, cli):
    schedule = {"max_lr": 0.5, "total_steps": 200, "cycle_momentum": False}
    options = [f"--model.scheduler.{key}={str(value).lower()}" for key, value in schedule.items()]
    scheduler = "--model.scheduler=torch.optim.lr_scheduler.OneCycleLR"
    others = ("--model.dtype", "float64", "--model.nesterov", "true", "--trainer.max_steps", 200)
    assert cli(DIGITS, *MOMENTUM, *others, scheduler, *options) == 0
    got = state(newest())["weights"]

    data = by_label(load("digits"))
    images, labels = torch.tensor(data.train_images).flatten(1).double() / 255, torch.tensor(data.train_labels)
    net = MLP((64, 64, 64, 10), generator=torch.Generator().manual_seed(10), dtype=torch.float64)
    twin = nn.Sequential(
        *[nn.Linear(64, 64), nn.Sigmoid(), nn.Linear(64, 64), nn.Sigmoid(), nn.Linear(64, 10)]
    ).double()
    twin.load_state_dict(net.state_dict())
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.3, momentum=0.9, nesterov=True)
    one_cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, **schedule)
    orders = (torch.from_numpy(shuffled(1437, seed=10)(epoch)) for epoch in itertools.count())
    for chosen in itertools.islice((part for order in orders for part in order.split(50)), 200):
        optimizer.zero_grad()
        nn.functional.cross_entropy(twin(images[chosen]), labels[chosen]).backward()
        optimizer.step()
        one_cycle.step()
    for name, weight in twin.named_parameters():
        expect_equal(name, got[f"net.{name}"], weight, "autograd, torch.optim.SGD and OneCycleLR, 200 steps", 1e-10)


@pytest.mark.skipif(not torch.cpu._is_avx512_bf16_supported(), reason="this processor has no bfloat16 instructions")
def test_products_in_bfloat16_learn_as_well_and_keep_float32_weights(cli):
    accuracy = {}
    for options in ((), ("--model.matmul_dtype", "bfloat16", "--gradient_check.every_n_steps", 100)):
        assert cli(DIGITS, *options) == 0
        accuracy[options] = json.loads((newest().parent.parent / "report.json").read_text())["accuracy"]["test"]
        assert {weight.dtype for weight in state(newest())["weights"].values()} == {torch.float32}
    exact, rounded = accuracy.values()
    assert rounded == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("loss", ["cross_entropy", "one_vs_rest_cross_entropy"])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_every_loss_and_activation_learns(loss, activation, cli):
    assert cli(DIGITS, "--model.loss", loss, "--model.activation", activation, "--model.lr", 0.02) == 0
    report = json.loads((newest().parent.parent / "report.json").read_text())
    assert report["accuracy"]["test"] > 0.93
