"""Blocks of mini-batches: whatever their size, Lightning counts, saves, validates and logs the same."""

import csv
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from pytorch_lightning import Callback, Trainer

from torchnet.training.lightning_internals import steps_until_due
from torchnet.training.module import Classifier

from ..run_folders import DIGITS, expect_same_bits, last_of

SAVE = ("--checkpoints.keep", 100)
VALIDATED = ("--data.validation_fraction", 0.2)
ONE_CYCLE = (
    "--model.scheduler=torch.optim.lr_scheduler.OneCycleLR",
    "--model.scheduler.max_lr=0.5",
    "--model.scheduler.cycle_momentum=false",
    "--model.scheduler.total_steps=87",
)


def the_run() -> Path:
    return max(Path("runs").glob("*/*"))


def checkpoints(run: Path) -> dict[str, Any]:
    """Return all that the checkpoints of a run hold."""
    return {path.name: torch.load(path, weights_only=True) for path in sorted((run / "checkpoints").iterdir())}


def logged(run: Path) -> list[list[str]]:
    with (run / "metrics.csv").open() as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--trainer.log_every_n_steps", 5),
        ("--trainer.max_steps", 40),
        (*SAVE, "--checkpoints.every_n_steps=4"),
        (*VALIDATED, "--trainer.val_check_interval", 7),
        (*VALIDATED, "--trainer.val_check_interval", 0.3),
        (
            "--data.validation_fraction",
            0.2,
            "--trainer.val_check_interval",
            10,
            "--trainer.check_val_every_n_epoch",
            "null",
        ),
        ("--trainer.limit_train_batches", 11),
        ("--trainer.limit_train_batches", 0.5),
        ("--trainer.overfit_batches", 6),
        ("--data.order", "notebook", "--data.one_hot", "true"),
        ("--model.dtype", "float64", "--model.captured", "false"),
        ONE_CYCLE,
        ("--gradient_check.every_n_steps", 10),
    ],
    ids=lambda options: " ".join(map(str, options)) or "default",
)
def test_a_run_is_the_same_whatever_the_size_of_the_blocks(options, cli):
    runs = []
    for size in (1, 3, 1000):
        assert cli(DIGITS, "--trainer.max_epochs", 3, "--data.block_size", size, *options) == 0
        runs.append((checkpoints(the_run()), logged(the_run())))
    (expected, lines), *others = runs
    assert any(name.startswith("step=") for name in expected)
    for got, got_lines in others:
        assert got_lines == lines
        expect_same_bits(got, expected)


@pytest.mark.parametrize("captured", ["true", "false"])
def test_a_run_is_resumed_to_the_bit_in_blocks_of_another_size(captured, cli):
    options = (DIGITS, "--trainer.max_epochs", 3, "--model.captured", captured, *ONE_CYCLE)
    assert cli(*options) == 0
    straight = torch.load(last_of(the_run()), weights_only=True)
    assert cli(*options, "--trainer.max_steps", 37, "--data.block_size", 4) == 0
    assert cli("--ckpt_path", "last", "--trainer.max_steps", -1, "--data.block_size", 9) == 0
    expect_same_bits(torch.load(last_of(the_run()), weights_only=True), straight)


def test_steps_are_logged_where_they_are_due_with_the_loss_of_that_step(cli):
    losses = []
    assert cli(DIGITS, "--trainer.max_epochs", 2, "--trainer.log_every_n_steps", 4) == 0
    header, *lines = logged(the_run())
    step, loss = header.index("step"), header.index("train/step_loss")
    losses = {int(line[step]): float(line[loss]) for line in lines if line[loss]}
    assert list(losses) == list(range(3, 58, 4))
    assert cli(DIGITS, "--trainer.max_epochs", 2, "--trainer.log_every_n_steps", 1, "--data.block_size", 1) == 0
    header, *lines = logged(the_run())
    every = {int(line[step]): float(line[loss]) for line in lines if line[header.index("train/step_loss")]}
    assert len(every) == 58
    assert losses == {step: every[step] for step in losses}


def test_the_mean_loss_of_an_epoch_is_that_of_its_samples(cli):
    assert cli(DIGITS, "--trainer.max_epochs", 1, "--trainer.log_every_n_steps", 1) == 0
    header, *lines = logged(the_run())
    steps = [float(line[header.index("train/step_loss")]) for line in lines if line[header.index("train/step_loss")]]
    (mean,) = [float(line[header.index("train/loss")]) for line in lines if line[header.index("train/loss")]]
    assert len(steps) == 29  # 28 of 50 samples, one of 37
    assert mean == pytest.approx((50 * sum(steps[:-1]) + 37 * steps[-1]) / 1437, rel=1e-6)


class Seen(Callback):
    """What a callback sees of blocks."""

    blocks: ClassVar[list[tuple[int, int, int]]] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: Classifier, outputs: Any, batch: Any, batch_idx: int):
        self.blocks.append((batch_idx, len(batch), trainer.global_step))

    def steps_until_due(self, step: int) -> int:
        return 13 - step if step < 13 else 1000


def test_a_callback_may_say_where_a_block_is_to_end(cli):
    Seen.blocks.clear()
    seen = "--trainer.callbacks+=tests.training.test_blocks.Seen"
    rare = ("--trainer.log_every_n_steps=1000", "--gradient_health.every_n_steps=0")
    assert cli(DIGITS, "--trainer.max_epochs", 2, "--data.block_size", 10, *rare, seen) == 0
    assert Seen.blocks[:5] == [(0, 10, 10), (10, 3, 13), (13, 10, 23), (23, 6, 29), (0, 10, 39)]


def test_there_is_always_a_step_to_take():
    """Even where Lightning goes on behind max_steps, as it does for min_epochs."""

    class Stub:
        global_step, num_training_batches, max_steps, should_stop = 5, 29, 5, False
        loggers, val_check_batch, callbacks = [], None, []
        fit_loop = type("", (), {"epoch_loop": type("", (), {"batch_progress": None})})

    Stub.fit_loop.epoch_loop.batch_progress = type("", (), {"current": type("", (), {"ready": 5})})
    assert steps_until_due(Stub, 10) == 1


def test_a_block_size_below_one_is_refused(cli, capsys):
    assert cli(DIGITS, "--data.block_size", 0) == 2
    assert "block_size: expected a whole number from 1 up, got 0" in capsys.readouterr().err
