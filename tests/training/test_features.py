"""Optimizers, schedules, averaging, early stopping and deformation, as the command line puts them together."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from torchnet import MLP
from torchnet.data import BlockLoader
from torchnet.data.order import notebook
from torchnet.runs.errors import UsageError
from torchnet.training.data_module import DataModule
from torchnet.training.module import Classifier
from torchnet.training.refusals import refuse_single_samples

from ..conftest import ROOT
from ..run_folders import DIGITS, expect_same_bits, last_of, newest
from .test_blocks import checkpoints, logged, the_run

SCHEDULERS = "torch.optim.lr_scheduler"
ADAMW = (
    "--model.lr=1.0",  # digits.yaml's are torchnet.SGD's
    "--model.momentum=0",
    "--model.optimizer=torch.optim.AdamW",
    "--model.optimizer.lr=0.01",
    "--model.optimizer.weight_decay=0.1",
)
CYCLE = (
    f"--model.scheduler={SCHEDULERS}.OneCycleLR",  # which varies the momentum, too
    "--model.scheduler.max_lr=0.02",
    "--model.scheduler.total_steps=87",
)
NETWORK = (
    "--model.normalization=batch_norm",
    "--model.activation=[gelu,leaky_relu]",
    "--model.dropout=[0.2,0.1]",
    "--model.residual=true",
    "--model.label_smoothing=0.1",
    "--model.ema_decay=0.9",
)
DEFORMATION = (
    "--data.deformation.rotation=10",
    "--data.deformation.scale=0.1",
    "--data.deformation.elastic_strength=0.5",
    "--data.deformation.elastic_smoothness=2",
    "--data.deformation.steps=60",
)
EVERYTHING = (*NETWORK, *DEFORMATION, "--trainer.max_epochs=3", "--data.validation_fraction=0")  # 29 steps an epoch
UPDATES = {
    "SGD, one-cycle, clipped by norm": (*CYCLE, "--model.clip_norm=0.5"),
    "AdamW, one-cycle, clipped by value": (*ADAMW, *CYCLE, "--model.clip_value=0.01"),
}


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def column(run: Path, name: str) -> list[float]:
    return [float(row[name]) for row in rows(run) if row.get(name)]


@pytest.mark.parametrize("update", UPDATES)
def test_with_everything_on_a_run_is_the_same_whatever_the_size_of_the_blocks(update, cli):
    runs = []
    for size, captured in ((1, "true"), (4, "true"), (1000, "true"), (5, "false")):
        options = ("--data.block_size", size, "--model.captured", captured)
        assert cli(DIGITS, *EVERYTHING, *UPDATES[update], *options) == 0
        runs.append((checkpoints(the_run()), logged(the_run())))
    (expected, lines), *others = runs
    assert any(key.startswith("average.net.") for key in expected["step=87.ckpt"]["state_dict"])
    for found, found_lines in others:
        assert found_lines == lines
        for key in ("state_dict", "optimizer_states", "lr_schedulers", "global_step"):
            expect_same_bits(found["step=87.ckpt"][key], expected["step=87.ckpt"][key])


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize(
    "step", [pytest.param(1, marks=pytest.mark.sweep), 20, pytest.param(29, marks=pytest.mark.sweep), 41]
)
def test_with_everything_on_a_resumed_run_ends_with_the_same_bits(step, update, cli):
    every = ("--checkpoints.every_n_steps", step, "--checkpoints.keep", 100)
    assert cli(DIGITS, *EVERYTHING, *UPDATES[update], *every) == 0
    straight = newest().parent.parent
    assert cli("--ckpt_path", straight / "checkpoints" / f"step={step}.ckpt", "--data.block_size=7") == 0
    resumed, expected = (torch.load(last_of(run), weights_only=True) for run in (the_run(), straight))
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "global_step"):
        expect_same_bits(resumed[key], expected[key])


@pytest.mark.parametrize("update", UPDATES)
def test_gradients_of_a_run_with_everything_on_are_checked(update, cli, capsys):
    assert cli(DIGITS, *EVERYTHING, *UPDATES[update], "--gradient_check.every_n_steps=20") == 0
    assert "gradients checked at 5 steps: right" in capsys.readouterr().out


def test_a_schedule_by_epochs(cli):
    steps = (f"--model.scheduler={SCHEDULERS}.StepLR", "--model.scheduler.step_size=2", "--model.scheduler.gamma=0.1")
    options = (*steps, "--model.scheduler_interval=epoch", "--trainer.max_epochs")
    assert cli(DIGITS, *options, 5, "--trainer.log_every_n_steps=29") == 0
    straight = newest()
    assert column(the_run(), "train/lr") == pytest.approx([0.3, 0.3, 0.03, 0.03, 0.003])
    assert cli(DIGITS, *options, 3) == 0
    assert cli("--ckpt_path", "last", "--trainer.max_epochs", 5) == 0
    for key in ("state_dict", "optimizer_states", "lr_schedulers"):
        expect_same_bits(*(torch.load(path, weights_only=True)[key] for path in (newest(), straight)))


@pytest.mark.parametrize("metric", ["val/loss", "val/accuracy", "train/loss"])
def test_a_schedule_that_waits_for_a_plateau(metric, cli):
    """It is told the metric of each epoch: on a network that learns nothing, each epoch is a plateau."""
    plateau = (
        f"--model.scheduler={SCHEDULERS}.ReduceLROnPlateau",
        "--model.scheduler.patience=0",
        "--model.scheduler.factor=0.5",
        "--model.scheduler_interval=epoch",
        f"--model.scheduler_monitor={metric}",
    )
    still = ("--model.lr=1e-30", "--model.momentum=0", "--data.validation_fraction=0.2", "--data.batch_size=1149")
    options = (*plateau, *still, "--trainer.log_every_n_steps=1", "--model.scheduler.eps=0")
    assert cli(DIGITS, *options, "--trainer.max_epochs=4") == 0
    assert column(the_run(), "train/lr") == pytest.approx([1e-30, 1e-30, 5e-31, 2.5e-31])


def test_early_stopping(cli, capsys):
    """A learning rate of nothing improves nothing: training stops after as many epochs as there is patience for."""
    stop = ("--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val/loss")
    options = (*stop, "--trainer.callbacks.patience=3", "--data.validation_fraction=0.2", "--model.lr=1e-30")
    assert cli(DIGITS, *options, "--model.momentum=0") == 0
    assert torch.load(newest(), weights_only=True)["global_step"] == 4 * 23
    assert "stopped after epoch 4" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options",
    [
        ("--trainer.max_steps=5",),
        ("--trainer.check_val_every_n_epoch=2", "--trainer.callbacks.check_on_train_epoch_end=true"),
    ],
)
def test_early_stopping_waits_for_a_metric_that_is_not_measured_yet(options, cli):
    stop = ("--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val/loss")
    assert cli(DIGITS, *stop, *options, "--data.validation_fraction=0.2", "--trainer.max_epochs=4") == 0


def test_the_average_is_what_is_evaluated_and_saved(cli):
    options = ("--model.ema_decay=0.9", "--model.normalization=batch_norm", "--trainer.max_epochs=2")
    assert cli(DIGITS, *options) == 0
    weights = torch.load(newest(), weights_only=True)["state_dict"]
    data = DataModule("digits")
    report = json.loads((the_run() / "report.json").read_text())
    accuracies = {}
    for prefix in ("net.", "average.net."):
        model = Classifier(64, 10, hidden_sizes=[64, 64], normalization="batch_norm").eval()
        own = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
        model.net.load_state_dict(own)
        images, labels = data.samples("test")
        accuracies[prefix] = (model(images).argmax(1) == labels).double().mean().item()
    assert accuracies["average.net."] == pytest.approx(report["accuracy"]["test"])
    assert accuracies["net."] != accuracies["average.net."]
    assert cli("test", "--ckpt_path", "last") == 0


def test_label_smoothing_is_for_training_alone(cli, capsys):
    options = ("--data.validation_fraction=0.2", "--trainer.max_epochs=20")
    losses = []
    for smoothing in (0.0, 0.3):
        assert cli(DIGITS, *options, f"--model.label_smoothing={smoothing}") == 0
        losses.append((column(the_run(), "train/loss")[-1], column(the_run(), "val/loss")[-1]))
    assert losses[1][0] > losses[0][0] + 0.5, "the smoothed loss of training has a floor of its own"
    weights = torch.load(newest(), weights_only=True)["state_dict"]
    model = Classifier(64, 10, hidden_sizes=[64, 64], label_smoothing=0.3).eval()
    model.load_state_dict(weights)
    data = DataModule("digits", validation_fraction=0.2)
    images, labels = data.samples("val")
    plain = torch.nn.functional.cross_entropy(model(images), labels)
    assert losses[1][1] == pytest.approx(plain.item(), rel=1e-5)


@pytest.mark.parametrize("name", ["deep_residual", "deep_sigmoid"])
def test_deep_networks_train_from_their_configurations(name, cli):
    options = ("--data.source=digits", "--trainer.max_epochs=1", "--data.batch_size=50")
    assert cli(f"--config={ROOT / 'configs' / f'{name}.yaml'}", *options) == 0


@pytest.mark.parametrize(("depth", "width"), [(64, 16), (2, 4096)])
def test_networks_may_be_deep_or_wide(depth, width, cli):
    size = (f"--model.hidden_sizes={width}", f"--model.depth={depth}")
    options = ("--model.normalization=batch_norm", "--model.residual=true", "--model.activation=relu", "--model.lr=0.1")
    assert cli(DIGITS, *size, *options, "--trainer.max_epochs=5") == 0
    assert json.loads((the_run() / "report.json").read_text())["accuracy"]["test"] > 0.9


def optimizers() -> list[Any]:
    """All of torch's that work from gradients alone, over weights of any shape."""
    left_out = ("Optimizer", "LBFGS", "SparseAdam", "Muon")
    return [name for name in torch.optim.__all__ if name not in left_out and name[0].isupper()]


@pytest.mark.parametrize("optimizer", optimizers())
def test_every_optimizer_of_torch_trains(optimizer, cli):
    options = ("--model.lr=1.0", "--model.momentum=0", f"--model.optimizer=torch.optim.{optimizer}")
    assert cli(DIGITS, *options, "--trainer.max_epochs=1") == 0
    assert column(the_run(), "train/loss")[0] < 3


SCHEDULES: dict[str, dict[str, Any]] = {
    "StepLR": {"step_size": 10},
    "MultiStepLR": {"milestones": [5, 20]},
    "ConstantLR": {"factor": 0.5, "total_iters": 7},
    "LinearLR": {"start_factor": 0.1, "total_iters": 30},
    "ExponentialLR": {"gamma": 0.9},
    "PolynomialLR": {"total_iters": 58, "power": 2.0},
    "CosineAnnealingLR": {"T_max": 58},
    "CosineAnnealingWarmRestarts": {"T_0": 11},
    "CyclicLR": {"base_lr": 0.01, "max_lr": 0.5, "step_size_up": 6},
    "OneCycleLR": {"max_lr": 0.5, "total_steps": 59},
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_of_torch_are_followed_step_for_step(name, cli):
    scheduler = f"--model.scheduler={SCHEDULERS}.{name}"
    options = [f"--model.scheduler.{key}={value}" for key, value in SCHEDULES[name].items()]
    assert cli(DIGITS, scheduler, *options, "--trainer.max_epochs=2", "--trainer.log_every_n_steps=1") == 0
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.3, momentum=0.9)
    schedule = getattr(torch.optim.lr_scheduler, name)(optimizer, **SCHEDULES[name])
    expected = []
    for _ in range(58):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert column(the_run(), "train/lr") == pytest.approx(expected, rel=1e-6)


def test_a_single_sample_that_the_notebooks_order_leaves_is_seen():
    """Of 4 samples it leaves out the last: mini-batches of 2 are one of 2 and one of 1."""
    order = notebook(np.zeros(4, dtype=int), 2, seed=0)
    data = SimpleNamespace(batch_size=2, train_dataloader=lambda: BlockLoader(order, 2, lambda: 1))
    refuse_single_samples(MLP((3, 4, 2), normalization="layer_norm"), data)
    with pytest.raises(UsageError, match="batch_size: expected a size that leaves no mini-batch of a single sample"):
        refuse_single_samples(MLP((3, 4, 2), normalization="batch_norm"), data)


def test_the_notebooks_weights_go_with_normalization_and_residual_blocks():
    plain = Classifier(6, 3, hidden_sizes=[5, 5], initializer="notebook")
    for normalization in ("batch_norm", "layer_norm"):
        model = Classifier(
            6, 3, hidden_sizes=[5, 5], initializer="notebook", normalization=normalization, residual=True
        )
        weights = [weight for weight in model.net.parameters() if weight.dim() == 2]
        expected = [weight for weight in plain.net.parameters() if weight.dim() == 2]
        assert len(weights) == 3
        assert all(map(torch.equal, weights, expected))


def test_a_run_whose_running_variance_overflows_is_not_saved(cli):
    """No resume would accept it. The weights stay finite: the normalized numbers are zero, and so are gradients."""
    assert cli(DIGITS, "--model.normalization=batch_norm", "--model.lr=1e25", "--trainer.max_epochs=1") == 70
    assert not list(Path("runs").glob("*/*/checkpoints/*.ckpt"))


def test_a_plateau_is_seen_by_a_run_that_is_resumed_behind_its_validation(cli):
    """An epoch of 23 steps is validated after 10 and 20, and the run is cut behind step 21 of the first one."""
    plateau = (
        f"--model.scheduler={SCHEDULERS}.ReduceLROnPlateau",
        "--model.scheduler.patience=0",
        "--model.scheduler_interval=epoch",
    )
    options = (*plateau, "--data.validation_fraction=0.2", "--trainer.val_check_interval=10", "--trainer.max_epochs=4")
    assert cli(DIGITS, *options, "--model.lr=3") == 0
    straight = newest()
    assert cli(DIGITS, *options, "--model.lr=3", "--trainer.max_steps=21") == 0
    assert cli("--ckpt_path", "last", "--trainer.max_steps", "-1") == 0
    for key in ("state_dict", "optimizer_states", "lr_schedulers"):
        expect_same_bits(*(torch.load(path, weights_only=True)[key] for path in (newest(), straight)))


def test_the_data_are_brought_to_the_device_of_the_run(cli, monkeypatch):
    """They are looked at before training begins, and must not stay where they are then."""
    asked, bring = [], DataModule._on_device

    def look(data, *arrays):
        asked.append(data.trainer)
        return bring(data, *arrays)

    monkeypatch.setattr(DataModule, "_on_device", look)
    assert cli(DIGITS, "--trainer.max_epochs=1") == 0
    assert asked
    assert all(trainer is not None for trainer in asked)
