"""The line of each epoch: what it says, which epoch is the best, and that a resumed run prints the same."""

import csv
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from torchnet.reporting import evaluate
from torchnet.storage import read_checkpoint, write_checkpoint
from torchnet.training.callbacks import epoch_line
from torchnet.training.evaluated_module import EvaluatedModule

from ...run_folders import DIGITS, expect_same_bits, last_of, state
from ..test_blocks import the_run

LINE = re.compile(
    r"epoch +(?P<epoch>\d+)/(?P<of>\d+)(?: \((?P<part>\d+ of \d+) steps\))?: train loss (?P<train>[\d.]+)"
    r"(?:, (?P<split>\w+) loss (?P<loss>[\d.]+), accuracy (?P<accuracy>[\d.]+))?(?P<best> \(best\))?"
)
VALIDATED = "--data.validation_fraction=0.2"  # epochs of 23 steps; without it, of 29
WORSE = "--model.lr=1.5"  # some epochs are worse than the one before


class Line(NamedTuple):
    epoch: int
    of: int
    part: str | None
    train: str
    split: str | None
    loss: str | None
    accuracy: str | None
    best: bool


def lines_of(out: str) -> list[Line]:
    found = [LINE.fullmatch(line) for line in out.splitlines() if line.startswith("epoch")]
    assert found
    assert all(found), out
    parts: list[dict[str, Any]] = [match.groupdict() for match in found if match]
    return [Line(**{**it, "epoch": int(it["epoch"]), "of": int(it["of"]), "best": bool(it["best"])}) for it in parts]


def metric(run: Path, name: str) -> list[float]:
    rows = csv.DictReader((run / "metrics.csv").read_text().splitlines())
    return [float(row[name]) for row in rows if row.get(name)]


def expect_best(lines: list[Line], losses: list[float]) -> None:
    """Expect exactly the epochs to be marked whose loss is smaller than all before."""
    assert [line.best for line in lines] == [loss < min(losses[:k], default=2e9) for k, loss in enumerate(losses)]
    assert not all(line.best for line in lines), "the run must have an epoch that is not the best so far"


def test_without_a_validation_set_it_shows_the_test_set(cli, capsys):
    assert cli(DIGITS, WORSE, "--trainer.max_epochs=8") == 0
    lines, run = lines_of(capsys.readouterr().out), the_run()
    losses = metric(run, "test/loss")
    assert [(line.epoch, line.of, line.split, line.part) for line in lines] == [
        (k, 8, "test", None) for k in range(1, 9)
    ]
    assert [line.train for line in lines] == [f"{loss:.4f}" for loss in metric(run, "train/loss")]
    assert [line.loss for line in lines] == [f"{loss:.4f}" for loss in losses]
    assert [line.accuracy for line in lines] == [f"{share:.4f}" for share in metric(run, "test/accuracy")]
    expect_best(lines, losses)


def test_with_a_validation_set_it_shows_that(cli, capsys):
    assert cli(DIGITS, WORSE, VALIDATED, "--trainer.max_epochs=8") == 0
    lines, run = lines_of(capsys.readouterr().out), the_run()
    losses = metric(run, "val/loss")
    assert [line.split for line in lines] == ["val"] * 8
    assert [line.loss for line in lines] == [f"{loss:.4f}" for loss in losses]
    assert [line.accuracy for line in lines] == [f"{share:.4f}" for share in metric(run, "val/accuracy")]
    expect_best(lines, losses)
    assert metric(run, "test/loss") == []


def test_of_several_validations_it_shows_the_best_one(cli, capsys):
    assert cli(DIGITS, WORSE, VALIDATED, "--trainer.max_epochs=6", "--trainer.val_check_interval=5") == 0
    lines, losses = lines_of(capsys.readouterr().out), metric(the_run(), "val/loss")
    assert len(losses) == 24
    smallest = [min(losses[k : k + 4]) for k in range(0, 24, 4)]
    assert [line.loss for line in lines] == [f"{loss:.4f}" for loss in smallest]
    expect_best(lines, smallest)


@pytest.mark.parametrize(
    ("option", "validated"),
    [("check_val_every_n_epoch=2", [2, 4]), ("limit_val_batches=0", []), ("min_epochs=1", [1, 2, 3, 4])],
)
def test_an_epoch_without_a_validation_has_its_training_loss(option, validated, cli, capsys):
    assert cli(DIGITS, VALIDATED, "--trainer.max_epochs=4", f"--trainer.{option}") == 0
    lines = lines_of(capsys.readouterr().out)
    assert len(lines) == 4
    assert [line.epoch for line in lines if line.loss is not None] == validated


@pytest.mark.parametrize("validated", [[], [VALIDATED, "--trainer.val_check_interval=5"]], ids=["test", "val"])
@pytest.mark.parametrize("steps", [23, *(pytest.param(it, marks=pytest.mark.sweep) for it in (29, 36, 41, 60))])
def test_a_resumed_run_prints_the_same(steps, validated, cli, capsys):
    options = (DIGITS, WORSE, *validated, "--trainer.max_epochs=6")
    assert cli(*options) == 0
    straight, whole = lines_of(capsys.readouterr().out), the_run()
    assert cli(*options, f"--trainer.max_steps={steps}") == 0
    before = [line for line in lines_of(capsys.readouterr().out) if line.part is None]
    assert cli("--ckpt_path=last", "--trainer.max_steps=-1") == 0
    after = lines_of(capsys.readouterr().out)
    assert [line._replace(of=6) for line in before] + after == straight
    assert (the_run() / "metrics.csv").read_text() == (whole / "metrics.csv").read_text()
    expect_same_bits(state(last_of(the_run())), state(last_of(whole)))


@pytest.mark.parametrize("validated", [[], [VALIDATED]], ids=["test", "val"])
def test_an_epoch_that_is_cut_is_not_the_best(validated, cli, capsys):
    assert cli(DIGITS, *validated, "--trainer.max_steps=40") == 0
    *_, cut = lines_of(capsys.readouterr().out)
    assert cut.part == ("17 of 23" if validated else "11 of 29")
    assert (cut.epoch, cut.of, cut.best) == (2, 2, False)
    assert read_checkpoint(last_of(the_run()))["callbacks"]["EpochLine"]["best_epoch"] == 1


def test_the_test_set_is_evaluated_once_an_epoch_and_changes_no_bit(cli, monkeypatch):
    """Dropout, batch normalization and an average of the weights are all in the training that is evaluated."""
    everything = ("--model.normalization=batch_norm", "--model.dropout=0.2", "--model.ema_decay=0.9")
    evaluated: list[int] = []

    def count(net: Any, loader: Any) -> tuple[torch.Tensor, torch.Tensor]:
        evaluated.append(len(loader.targets))
        return evaluate(net, loader)

    monkeypatch.setattr("torchnet.training.evaluated_module.evaluate", count)
    assert cli(DIGITS, *everything, "--trainer.max_epochs=3", "--loss_line.every_n_epochs=2") == 0
    assert evaluated == [360, 1437, 360, 360, 1437, 1437, 360]  # the last two for the report
    seen = state(last_of(the_run()))
    monkeypatch.setattr(epoch_line.EpochLine, "on_train_epoch_end", lambda *args: None)
    assert cli(DIGITS, *everything, "--trainer.max_epochs=3") == 0
    expect_same_bits(seen, state(last_of(the_run())))


@pytest.mark.parametrize("smallest", [0.0, 99.0])
def test_a_checkpoint_without_its_state_is_resumed(smallest, cli, capsys):
    """As earlier versions wrote them; the smallest validation loss so far is known from the state of Checkpoints."""
    assert cli(DIGITS, VALIDATED, "--trainer.max_epochs=2") == 0
    path = last_of(the_run())
    contents = read_checkpoint(path)
    del contents["callbacks"]["EpochLine"], contents["torchnet"]["preprocessing"]
    contents["torchnet"]["format"] = 2
    contents["callbacks"]["Checkpoints"]["best_score"] = smallest
    write_checkpoint(path, contents)
    capsys.readouterr()
    assert cli("--ckpt_path=last", "--trainer.max_epochs=3") == 0
    (line,) = lines_of(capsys.readouterr().out)
    assert (line.epoch, line.best) == (3, smallest == 99)


@pytest.mark.parametrize("option", ["barebones=true", "fast_dev_run=true"])
def test_a_trial(option, cli, capsys):
    assert cli(DIGITS, VALIDATED, "--trainer.max_epochs=2", f"--trainer.{option}") == 0
    found = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert len(found) == (1 if "fast" in option else 0)


def test_thousands_of_short_epochs_have_a_line_now_and_then_and_a_last_one(cli, capsys, monkeypatch):
    now = iter(range(10**6))
    monkeypatch.setattr(epoch_line, "time", type("", (), {"monotonic": lambda: next(now) * 0.015}))  # a clock
    options = ("--trainer.max_epochs=123", "--data.batch_size=1437", "--trainer.logger=false")
    assert cli(DIGITS, *options, "--checkpoints.every_n_seconds=null") == 0
    assert [line.epoch for line in lines_of(capsys.readouterr().out)] == [*range(1, 101), 107, 114, 121, 123]


def test_a_loss_that_is_not_finite_ends_the_run(cli, capsys, monkeypatch):
    monkeypatch.setattr(EvaluatedModule, "loss_and_score", lambda *args: (float("inf"), 0.1))
    assert cli(DIGITS, "--trainer.max_epochs=3") == 70
    err = capsys.readouterr().err
    assert err.startswith("error: after epoch 1 the loss on the test data is inf: ")
    assert err.count("\n") == 1
    assert not list(Path("runs").glob("*/*/checkpoints/*"))


@pytest.mark.parametrize(
    ("loss", "text"),
    [(0.07123, "0.0712"), (12.0, "12.0000"), (3.2e-6, "3.200e-06"), (54321.0, "5.432e+04"), (0.0, "0.0000")],
)
def test_digits_of_a_loss(loss, text):
    assert epoch_line.shown(loss) == text
